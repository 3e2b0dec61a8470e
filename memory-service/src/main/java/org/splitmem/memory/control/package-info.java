/**
 * The control API: JSON over HTTP on a Unix socket and, between hosts, over TCP; and its client. Decides nothing. Jetty has the
 * sockets, Jersey the resources.
 *
 * <p>Threads: Jetty's. Imports: migration, vm, server, fault, wire, page, config, model, hooks,
 * Jetty, Jersey, Micrometer.
 */
@NullMarked
package org.splitmem.memory.control;

import org.jspecify.annotations.NullMarked;
