/**
 * The HTTP API: who may, what is asked, how it is answered; no decisions.
 *
 * <p>Resources are stateless; the server's threads. Imports: everything below, Jersey, Micrometer.
 */
@NullMarked
package org.splitmem.bridge.rest;

import org.jspecify.annotations.NullMarked;
