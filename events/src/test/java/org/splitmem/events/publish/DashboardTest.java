package org.splitmem.events.publish;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.model.Json;

/** The dashboard asks for metrics that there are, and shows all that the publisher and the daemon have of their own. */
class DashboardTest {
    private static final Path REPOSITORY = Path.of("..");
    private static final Pattern METRIC = Pattern.compile("\\bsplitmem_[a-z_]+");

    @TempDir
    Path directory;

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
        try (EventPublisher publisher = new EventPublisher(PublisherConfig.of("nowhere:1", directory), registry)) {
            assertThat(publisher.drain(Duration.ofSeconds(30))).isTrue();
            return namesIn(registry.scrape().replaceAll("(?m)^#.*$", ""));
        }
    }

    /** As they are registered: the daemon's class is not on this module's path. */
    private static Set<String> ofTheDaemon() throws IOException {
        return namesIn(Files.readString(
                REPOSITORY.resolve("memory-service/src/main/java/org/splitmem/memory/control/DaemonMetrics.java")));
    }

    @Test
    void everyMetricThatIsAskedForExists() throws Exception {
        Set<String> existing = new TreeSet<>(ofThePublisher());
        existing.addAll(ofTheDaemon());

        assertThat(asked()).isNotEmpty().isSubsetOf(existing);
    }

    @Test
    void everyMetricOfThePublisherIsShown() throws Exception {
        assertThat(asked()).containsAll(ofThePublisher());
        assertThat(ofThePublisher()).hasSize(9);
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
