/**
 * The owner's side of memory servers: page-ins, page-outs and drops.
 *
 * <p>Threads: a client has one receiving thread of its own; any thread may ask. One that fetches in bulk receives on its caller's, and has
 * one that takes what came. A page-in and bulk data never share a
 * connection. Imports: wire, guest, page, linux.
 */
@NullMarked
package org.splitmem.memory.remote;

import org.jspecify.annotations.NullMarked;
