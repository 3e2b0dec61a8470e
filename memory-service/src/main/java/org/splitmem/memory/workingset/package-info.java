/**
 * Which pages the guest uses: entries are dropped from QEMU's page table, and a page that is touched again is young. And
 * the page-out of the coldest, in the order that never loses a write.
 *
 * <p>Threads: confined to the VM's housekeeping thread or its migration's. Imports: guest, shim, remote, fault, stream,
 * wire, faultpoint, page, linux.
 */
@NullMarked
package org.splitmem.memory.workingset;

import org.jspecify.annotations.NullMarked;
