/**
 * Tells events to Kafka, by way of the spool.
 *
 * <p>Publishing may be done on any thread; one thread sends. May import the events, the spool, Kafka's client and Micrometer.
 */
@NullMarked
package org.splitmem.events.publish;

import org.jspecify.annotations.NullMarked;
