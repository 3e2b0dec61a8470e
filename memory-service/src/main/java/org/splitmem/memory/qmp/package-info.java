/**
 * The daemon's own QMP monitor of a QEMU: a capability in, events out.
 *
 * <p>Threads: one reading thread per monitor; events are handed over on it. Imports: the JDK and Jackson.
 */
@NullMarked
package org.splitmem.memory.qmp;

import org.jspecify.annotations.NullMarked;
