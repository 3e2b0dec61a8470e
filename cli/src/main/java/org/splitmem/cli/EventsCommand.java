package org.splitmem.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.splitmem.events.Event;
import org.splitmem.events.Topic;
import org.splitmem.events.cloud.CloudJson;
import org.splitmem.events.read.EventReader;
import org.splitmem.model.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "events",
        description = {
            "Show what was told to Kafka of migrations, bookings and paging.",
            "Events of one VM and topic come in their order. Needs no splitmemd."
        })
final class EventsCommand implements Runnable {
    /** For Kafka's client, which would log into what we print. */
    private static final String SILENT_LOGS = "org.slf4j.helpers.NOP_FallbackServiceProvider";

    @ParentCommand
    private Splitmem splitmem;

    @Option(names = "--follow", description = "Go on with what comes, until interrupted.")
    private boolean follow;

    @Option(names = "--vm", paramLabel = "NAME", description = "Only those of this VM: its name or uuid.")
    private @Nullable String vm;

    @Option(
            names = "--topic",
            paramLabel = "TOPIC",
            description = "Only these: migration, placement or paging; may be given several times. Default: all.")
    private List<Topic> topics = List.of(Topic.values());

    @Option(
            names = "--brokers",
            paramLabel = "HOST:PORT",
            defaultValue = "${env:SPLITMEM_KAFKA_BROKERS:-localhost:9092}",
            description = "Kafka's brokers, separated by commas. Default: $SPLITMEM_KAFKA_BROKERS, or localhost:9092.")
    private String brokers;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "10",
            description = "How long to wait for a broker's answer. Default: 10.")
    private int timeoutSeconds;

    @Override
    public void run() {
        if (timeoutSeconds < 1) {
            throw new CommandFailedException("--timeout is at least 1, not " + timeoutSeconds);
        }
        System.setProperty("slf4j.provider", SILENT_LOGS);
        System.setProperty("slf4j.internal.verbosity", "WARN"); // else it tells that it obeys
        Duration patience = Duration.ofSeconds(timeoutSeconds);
        try (EventReader reader = new EventReader(brokers, topics, patience, Map.of(), splitmem.err()::println)) {
            if (!reader.hasTopics()) {
                splitmem.err().println("splitmem: nothing was told yet: none of the topics is at " + brokers);
            }
            reader.readAll(this::print);
            while (follow) {
                reader.readNext(this::print);
            }
        }
    }

    private void print(Event event) {
        JsonNode name = event.data().path("name");
        if (vm == null || vm.equals(event.key()) || vm.equals(name.asText(null))) {
            splitmem.out().println(splitmem.json() ? Json.write(CloudJson.tree(event)) : EventText.line(event));
        }
    }

    /** From the short name that users write. */
    static Topic topic(String name) {
        for (Topic topic : Topic.values()) {
            if (topic.name().equalsIgnoreCase(name) || topic.kafkaName().equals(name)) {
                return topic;
            }
        }
        throw new IllegalArgumentException("there is no topic " + name + ", only migration, placement, paging and vm");
    }
}
