package org.splitmem.events.publish;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.splitmem.events.cloud.ContentMode;

/**
 * How events get to Kafka.
 *
 * @param brokers host:port, several separated by commas
 * @param mode how messages are laid out
 * @param spoolDirectory of this publisher alone
 * @param spoolBytes what the spool may take
 * @param forceInterval how often what was written to the spool is forced to the disk
 * @param kafka further properties of Kafka's producer, such as security.protocol; those that keep the promises of this package cannot
 *     be changed
 */
public record PublisherConfig(
        String brokers,
        ContentMode mode,
        Path spoolDirectory,
        long spoolBytes,
        Duration forceInterval,
        Map<String, String> kafka) {
    public static final long DEFAULT_SPOOL_BYTES = 256L << 20;
    public static final Duration DEFAULT_FORCE_INTERVAL = Duration.ofSeconds(1);

    public PublisherConfig {
        if (brokers == null || brokers.isBlank()) {
            throw new IllegalArgumentException("no brokers");
        }
        if (forceInterval.toMillis() < 1) {
            throw new IllegalArgumentException("a force interval of " + forceInterval);
        }
        kafka = Map.copyOf(kafka);
    }

    /** With the defaults. */
    public static PublisherConfig of(String brokers, Path spoolDirectory) {
        return new PublisherConfig(
                brokers, ContentMode.BINARY, spoolDirectory, DEFAULT_SPOOL_BYTES, DEFAULT_FORCE_INTERVAL, Map.of());
    }
}
