package org.splitmem.events.publish;

import java.util.Map;
import org.splitmem.events.cloud.ContentMode;

/**
 * How events get to Kafka.
 *
 * @param brokers host:port, several separated by commas
 * @param mode how messages are laid out
 * @param maxWaiting how many events may wait before the oldest are dropped
 * @param kafka further properties of Kafka's producer, such as security.protocol; those that keep the promises of this package cannot
 *     be changed
 */
public record PublisherConfig(String brokers, ContentMode mode, int maxWaiting, Map<String, String> kafka) {
    public static final int DEFAULT_MAX_WAITING = 250_000;

    public PublisherConfig {
        if (brokers == null || brokers.isBlank()) {
            throw new IllegalArgumentException("no brokers");
        }
        if (maxWaiting < 1) {
            throw new IllegalArgumentException("at most " + maxWaiting + " events that wait");
        }
        kafka = Map.copyOf(kafka);
    }

    /** With the defaults. */
    public static PublisherConfig of(String brokers) {
        return new PublisherConfig(brokers, ContentMode.BINARY, DEFAULT_MAX_WAITING, Map.of());
    }
}
