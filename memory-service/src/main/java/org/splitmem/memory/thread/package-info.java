/**
 * Threads that wait for other hosts, each for one of them; threads that must go on; and for how long to pause after failures.
 *
 * <p>Imports: JDK.
 */
@NullMarked
package org.splitmem.memory.thread;

import org.jspecify.annotations.NullMarked;
