/**
 * Threads that wait for other hosts, each for one of them.
 *
 * <p>Imports: JDK.
 */
@NullMarked
package org.splitmem.memory.thread;

import org.jspecify.annotations.NullMarked;
