/**
 * Sends events from the outbox to Kafka. What keeps the outbox implements {@link org.splitmem.events.publish.Outbox}.
 *
 * <p>One thread sends. May import the events, Kafka's client and Micrometer.
 */
@NullMarked
package org.splitmem.events.publish;

import org.jspecify.annotations.NullMarked;
