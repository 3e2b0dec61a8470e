/**
 * Answers the page faults of one VM.
 *
 * <p>Threads: one pager thread per VM reads the userfaultfds; pages from peers arrive on the peers' client threads. The
 * page table's compare-and-set decides between them. Nothing on this path allocates, boxes or logs per page. Imports:
 * home, guest, remote, faultpoint, page, linux; of model, how latencies are told; HdrHistogram.
 */
@NullMarked
package org.splitmem.memory.fault;

import org.jspecify.annotations.NullMarked;
