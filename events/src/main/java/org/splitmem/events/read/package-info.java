/**
 * Reads events from Kafka, for people and programs that look at them. One thread per reader.
 *
 * <p>May import the events and Kafka's client.
 */
@NullMarked
package org.splitmem.events.read;

import org.jspecify.annotations.NullMarked;
