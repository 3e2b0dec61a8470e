/**
 * Calls of other services: one way to send, one way to fail.
 *
 * <p>Any thread; every call is bounded in time. Imports: model, Jackson, slf4j's MDC.
 */
@NullMarked
package org.splitmem.bridge.http;

import org.jspecify.annotations.NullMarked;
