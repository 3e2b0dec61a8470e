/**
 * splitmem.conf: read once at start, checked whole, immutable.
 *
 * <p>Threads: any. Imports: model.
 */
@NullMarked
package org.splitmem.memory.config;

import org.jspecify.annotations.NullMarked;
