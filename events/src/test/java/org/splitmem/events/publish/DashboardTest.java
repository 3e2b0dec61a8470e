package org.splitmem.events.publish;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.splitmem.model.Json;

/** The dashboard asks for metrics that there are, and shows all that the publisher and the daemon have of their own. */
@SuppressWarnings("try") // a publisher registers while it is in scope
class DashboardTest {
    private static final Path REPOSITORY = Path.of("..");
    private static final Pattern METRIC = Pattern.compile("\\bsplitmem_[a-z_]+");

    private final JsonNode dashboard = read();

    private static JsonNode read() {
        try {
            return Json.mapper()
                    .readTree(REPOSITORY.resolve("conf/grafana/splitmem.json").toFile());
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static Set<String> namesIn(String text) {
        Set<String> names = new TreeSet<>();
        for (Matcher m = METRIC.matcher(text); m.find(); ) {
            names.add(m.group());
        }
        return names;
    }

    private Set<String> asked() {
        List<String> expressions = new ArrayList<>(dashboard.findValuesAsText("expr"));
        dashboard
                .at("/templating/list")
                .forEach(variable -> expressions.add(variable.path("query").asText()));
        return namesIn(String.join("\n", expressions));
    }

    private Set<String> ofThePublisher() throws Exception {
        var registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        try (EventPublisher unused =
                new EventPublisher(PublisherConfig.of("nowhere:1"), new MemoryOutbox().by("bridge-1"), registry)) {
            return namesIn(registry.scrape().replaceAll("(?m)^#.*$", ""));
        }
    }

    /** As they are registered: the classes of the daemon and of the bridge are not on this module's path. */
    private static Set<String> ofTheDaemonAndTheBridge() throws IOException {
        Set<String> names = new TreeSet<>(ofOperations());
        names.addAll(ofTheDaemon("DaemonMetrics"));
        names.addAll(namesIn(Files.readString(
                REPOSITORY.resolve("nova-bridge/src/main/java/org/splitmem/bridge/rest/BridgeMetrics.java"))));
        return names;
    }

    private static Set<String> ofTheDaemon(String type) throws IOException {
        return namesIn(Files.readString(
                REPOSITORY.resolve("memory-service/src/main/java/org/splitmem/memory/control/" + type + ".java")));
    }

    /** Of what changes where VMs' pages are: migrations, gathers, moves of pages, drains. */
    private static Set<String> ofOperations() throws IOException {
        Set<String> names = new TreeSet<>();
        for (String type : List.of("MigrationMetrics", "MoveMetrics", "LendingMetrics")) {
            names.addAll(ofTheDaemon(type));
        }
        ofTheDaemon("DaemonMetrics").stream()
                .filter(name -> name.contains("_gather_"))
                .forEach(names::add);
        return names;
    }

    @Test
    void everyMetricThatIsAskedForExists() throws Exception {
        Set<String> existing = new TreeSet<>(ofThePublisher());
        existing.addAll(ofTheDaemonAndTheBridge());

        assertThat(asked()).isNotEmpty().isSubsetOf(existing);
    }

    @Test
    void everythingThatChangesWherePagesAreIsShown() throws Exception {
        assertThat(ofOperations()).hasSize(10);
        assertThat(asked()).containsAll(ofOperations());
    }

    @Test
    void everyMetricOfThePublisherIsShown() throws Exception {
        assertThat(asked()).containsAll(ofThePublisher());
        assertThat(ofThePublisher()).hasSize(6);
    }

    @Test
    void panelsHaveIdsOfTheirOwnAndDoNotOverlap() {
        Set<Integer> ids = new TreeSet<>();
        Set<String> places = new TreeSet<>();
        for (JsonNode panel : dashboard.get("panels")) {
            assertThat(ids.add(panel.get("id").asInt())).isTrue();
            assertThat(places.add(panel.at("/gridPos/x").asInt() + ","
                            + panel.at("/gridPos/y").asInt()))
                    .isTrue();
        }
        assertThat(ids).hasSizeGreaterThan(8);
    }
}
