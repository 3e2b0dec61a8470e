/**
 * Small things that a daemon has to know again after a restart, as JSON files beside the memory that they are about.
 *
 * <p>Threads: any; who writes a file sees to it that nobody else does at the same time. Imports: model.
 */
@NullMarked
package org.splitmem.memory.record;

import org.jspecify.annotations.NullMarked;
