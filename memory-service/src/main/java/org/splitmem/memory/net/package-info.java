/**
 * Connections between hosts: made and accepted here, and nowhere else; by threads of whom it is for. What is only of this host (QEMU's
 * monitor, the shim, the CLI) does not come here.
 *
 * <pre>
 *                      data port                            control port
 *   connects           remote.Endpoint                      control.HttpPeers
 *   accepts            server.DataServer                    control.ControlServer
 *   connecting         5 s                                  3 s
 *   hand-shake         10 s, then HELLO has come            3 s with TCP's
 *   answer             the caller's                         20 s for all of it, 8 s for what a hook waits for, less
 *                                                           if the request has less
 *   peer vanished      10 s (keep-alive, TCP_USER_TIMEOUT)  the answer's time
 *   at once            4,096; 256 without a HELLO           64 threads; 30 s between requests
 *                      from one address
 * </pre>
 */
@NullMarked
package org.splitmem.memory.net;

import org.jspecify.annotations.NullMarked;
