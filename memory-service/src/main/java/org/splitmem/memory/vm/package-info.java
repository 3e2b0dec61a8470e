/**
 * The VMs of this host: what is kept of each, its connection to QEMU, and the machinery that pages it.
 *
 * <p>Threads: a {@link org.splitmem.memory.vm.Vm} is guarded by its own lock; one housekeeping thread per paged VM. Imports:
 * shim, fault, workingset, remote, guest, faultpoint, record, page, linux, model.
 */
@NullMarked
package org.splitmem.memory.vm;

import org.jspecify.annotations.NullMarked;
