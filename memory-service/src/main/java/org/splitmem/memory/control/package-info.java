/**
 * The control API: JSON over HTTP on a Unix socket and, between hosts, over TCP; and its client. Decides nothing.
 *
 * <p>Threads: Jetty's. Imports: migration, vm, server, fault, wire, page, config, model, hooks,
 * Jetty, Micrometer.
 */
@NullMarked
package org.splitmem.memory.control;

import org.jspecify.annotations.NullMarked;
