/**
 * The HTTP server before any resource: sockets, who is let in, how many at once, and on whose threads.
 *
 * <p>Jetty's threads never wait: they read headers, bodies and write answers as sockets are ready. What waits (Keystone, resources) runs in
 * {@link org.splitmem.bridge.gate.Lanes}, of which tenants have one of their own. Imports: Jetty, keystone, policy, model.
 */
@NullMarked
package org.splitmem.bridge.gate;

import org.jspecify.annotations.NullMarked;
