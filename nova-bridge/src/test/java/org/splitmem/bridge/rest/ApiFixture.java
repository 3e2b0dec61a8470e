package org.splitmem.bridge.rest;

import static com.github.tomakehurst.wiremock.client.WireMock.any;
import static com.github.tomakehurst.wiremock.client.WireMock.anyUrl;
import static com.github.tomakehurst.wiremock.client.WireMock.equalTo;
import static com.github.tomakehurst.wiremock.client.WireMock.get;
import static com.github.tomakehurst.wiremock.client.WireMock.okJson;
import static com.github.tomakehurst.wiremock.client.WireMock.urlPathEqualTo;
import static com.github.tomakehurst.wiremock.core.WireMockConfiguration.wireMockConfig;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.tomakehurst.wiremock.junit5.WireMockExtension;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.bridge.gate.AddressRange;
import org.splitmem.bridge.gate.GateServer;
import org.splitmem.bridge.gate.Limits;
import org.splitmem.bridge.http.FixedCredentials;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.keystone.TokenValidator;
import org.splitmem.bridge.migration.Cloud;
import org.splitmem.bridge.policy.Policy;
import org.splitmem.bridge.store.EventStore;
import org.splitmem.bridge.telemetry.EventFeed;
import org.splitmem.bridge.telemetry.EventHistory;
import org.splitmem.model.Json;

/** The API over HTTP, with all that is behind it: what its tests need. */
abstract class ApiFixture {
    static final String MIGRATION = "{\"instance_uuid\":\"" + Cloud.VM
            + "\",\"name\":\"db1\",\"source\":\"h1\",\"destination\":\"h2\",\"ram_mb\":512,\"main_mb\":256,"
            + "\"extra_specs\":{\"splitmem:enabled\":\"true\"},\"project_id\":\"project\",\"user_id\":\"user\"}";

    @RegisterExtension
    static final WireMockExtension KEYSTONE = WireMockExtension.newInstance()
            .options(wireMockConfig().dynamicPort())
            .build();

    final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    Cloud cloud;
    Cloud.Bridge bridge;
    EventHistory history;
    ApiServer server;
    Policy policy;

    /** Requests of /readyz come in by the one, and wait for the other. */
    final Semaphore asked = new Semaphore(0);

    volatile CountDownLatch gate = new CountDownLatch(0);

    @BeforeEach
    void begin() throws Exception {
        KEYSTONE.stubFor(any(anyUrl())
                .willReturn(okJson("{\"error\":{\"code\":404,\"message\":\"none\"}}")
                        .withStatus(404)));
        knows("nova", "service", "project");
        knows("theirs", "reader", "project");
        knows("member", "member", "project");
        knows("others", "reader", "another");
        knows("guest", "guest", "project");
        cloud = newCloud();
        EventStore events = new EventStore(cloud.database);
        history = new EventHistory(cloud.database, null, Duration.ofDays(1), Duration.ofSeconds(10), cloud);
        EventFeed feed = new EventFeed(history, null, Duration.ofSeconds(10), cloud);
        BridgeMetrics metrics =
                new BridgeMetrics(new PrometheusMeterRegistry(PrometheusConfig.DEFAULT), feed.telemetry());
        metrics.watch(history);
        bridge = cloud.bridge("bridge-1", metrics);
        TokenValidator tokens = new TokenValidator(
                KEYSTONE.baseUrl(),
                Duration.ofSeconds(20),
                new FixedCredentials(""),
                Set.of("service"),
                Clock.systemUTC());
        policy = Policy.of(overrides());
        server = new ApiServer(
                new GateServer.Settings("127.0.0.1", 0, adminPort(), proxies(), limits()),
                policy,
                tokens,
                "http://keystone",
                new ApiServer.Parts(
                        bridge.migrations,
                        bridge.placements,
                        bridge.daemons,
                        bridge.registry,
                        bridge.vms,
                        events,
                        bridge.client,
                        bridge.drains,
                        metrics,
                        this::checkReadiness));
        server.start();
    }

    Cloud newCloud() throws Exception {
        return new Cloud();
    }

    /** The body that {@link #planned} sends. */
    String migration() {
        return MIGRATION;
    }

    /** For tests of other settings. */
    Limits limits() {
        return Limits.DEFAULT;
    }

    @Nullable
    Integer adminPort() {
        return null;
    }

    List<AddressRange> proxies() {
        return List.of();
    }

    Map<String, String> overrides() {
        return Map.of();
    }

    void checkReadiness() throws ServiceException {
        asked.release();
        try {
            assertThat(gate.await(60, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        bridge.client.check();
    }

    static void knows(String token, String role, String project) {
        KEYSTONE.stubFor(get(urlPathEqualTo("/v3/auth/tokens"))
                .withHeader("X-Subject-Token", equalTo(token))
                .willReturn(okJson("{\"token\":{\"user\":{\"id\":\"u\"},\"project\":{\"id\":\"" + project
                        + "\"},\"roles\":[{\"name\":\"" + role
                        + "\"}],\"expires_at\":\"2099-01-01T00:00:00.000000Z\"}}")));
    }

    @AfterEach
    void end() {
        server.close();
        cloud.close();
    }

    HttpResponse<String> call(String token, String method, String path, String body, String... headers)
            throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path))
                .method(
                        method,
                        body.isEmpty()
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofString(body))
                .header("Content-Type", "application/json");
        if (!token.isEmpty()) {
            request.header("X-Auth-Token", token);
        }
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        request.timeout(Duration.ofSeconds(60));
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    static JsonNode json(HttpResponse<String> answer) {
        return Json.read(answer.body(), JsonNode.class);
    }

    static void assertError(HttpResponse<String> answer, int status, String reason) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        JsonNode error = json(answer).path("error");
        assertThat(error.path("code").asInt()).isEqualTo(status);
        assertThat(error.path("title").asText()).isNotEmpty();
        assertThat(error.path("message").asText()).isNotEmpty();
        assertThat(error.path("reason").asText()).isEqualTo(reason);
    }

    String planned() throws Exception {
        HttpResponse<String> answer = call("nova", "POST", "/v1/migrations", migration());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
        return json(answer).path("migration").path("id").asText();
    }
}
