/**
 * The memory server: keeps pages of VMs that run elsewhere, within what it was allowed to lend; and the data port, on
 * which peers reach it and the migrations of this host.
 *
 * <p>Threads: one per connection. Imports: remote, stream, wire, guest, record, page, linux, thread, model.
 */
@NullMarked
package org.splitmem.memory.server;

import org.jspecify.annotations.NullMarked;
