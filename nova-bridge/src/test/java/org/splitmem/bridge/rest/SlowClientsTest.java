package org.splitmem.bridge.rest;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.daemon.FakeHosts;
import org.splitmem.bridge.gate.Limits;

/** Clients that keep connections busy without getting anywhere, as one tenant can by the hundred. */
class SlowClientsTest extends ApiFixture {
    private static final int MANY = 200;
    private static final int CONNECTIONS = 400;
    private static final int OF_A_PROJECT = 40;

    /** A second is what a load balancer gives; the rest is for a busy test machine. Less than a request to a hung host takes, 10 s. */
    private static final int WITHIN_S = 5;

    private final List<RawClient> clients = new ArrayList<>();

    @Override
    Limits limits() {
        Duration limit = Duration.ofMinutes(5); // nothing ends by itself while a test runs
        return new Limits(limit, limit, limit, Limits.DEFAULT.request(), CONNECTIONS, 4, OF_A_PROJECT, 4);
    }

    @AfterEach
    void leave() {
        clients.forEach(RawClient::close);
    }

    private RawClient connect() throws Exception {
        RawClient client = new RawClient(server.port());
        clients.add(client);
        return client;
    }

    private static String post(String token, int length) {
        return "POST /v1/migrations HTTP/1.1\r\nHost: bridge\r\nX-Auth-Token: " + token
                + "\r\nContent-Type: application/json\r\nContent-Length: " + length + "\r\n\r\n{";
    }

    private static String get(String token, String path) {
        return "GET " + path + " HTTP/1.1\r\nHost: bridge\r\nX-Auth-Token: " + token + "\r\n\r\n";
    }

    /** Soon: health for the load balancer, and Nova's own requests. */
    private void assertOthersAreAnswered() throws Exception {
        for (String path : List.of("/healthz", "/v1/migrations", "/metrics")) {
            CompletableFuture<Integer> status = CompletableFuture.supplyAsync(() -> {
                try {
                    return call(path.startsWith("/v1") ? "nova" : "", "GET", path, "")
                            .statusCode();
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            });
            assertThat(status.get(WITHIN_S, TimeUnit.SECONDS)).as(path).isEqualTo(200);
        }
    }

    @Test
    void bodiesThatNeverEndKeepNobodyElseWaiting() throws Exception {
        assertOthersAreAnswered();
        for (int i = 0; i < MANY; i++) {
            connect().send(post(i % 2 == 0 ? "theirs" : "nova", 1000));
        }
        clients.forEach(RawClient::drip);

        assertOthersAreAnswered();
    }

    @Test
    void headersThatNeverEndKeepNobodyElseWaiting() throws Exception {
        assertOthersAreAnswered();
        for (int i = 0; i < MANY; i++) {
            connect().send("GET /v1/migrations HTTP/1.1\r\nHost: bridge\r\nX-Slow: ");
        }
        clients.forEach(RawClient::drip);

        assertOthersAreAnswered();
    }

    @Test
    void whoMayNotAskIsRefusedBeforeTheBodyComes() throws Exception {
        // And is told that this connection serves no other request: a client would lose that one.
        assertThat(connect().send(post("theirs", 1000)).readAnswer(60_000))
                .startsWith("HTTP/1.1 403 ")
                .containsIgnoringCase("connection: close");
        assertThat(connect().send(post("forged", 1000)).readAnswer(60_000))
                .startsWith("HTTP/1.1 401 ")
                .containsIgnoringCase("connection: close");
        assertThat(connect().send(get("forged", "/v1/migrations")).readAnswer(60_000))
                .startsWith("HTTP/1.1 401 ")
                .doesNotContainIgnoringCase("connection: close");
    }

    @Test
    void aBodyThatIsTooLargeIsRefused() throws Exception {
        String chunk = "100000\r\n" + "x".repeat(1 << 20) + "\r\n";
        RawClient large = connect()
                .send("POST /v1/migrations HTTP/1.1\r\nHost: bridge\r\nX-Auth-Token: nova\r\n")
                .send("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
                .send(chunk)
                .send("1\r\nx\r\n0\r\n\r\n");

        assertThat(large.readAnswer(60_000)).startsWith("HTTP/1.1 413 ").contains("body-too-large");
    }

    @Test
    void headersThatAreTooLongAreRefusedInOurForm() throws Exception {
        RawClient client =
                connect().send("GET /healthz HTTP/1.1\r\nHost: b\r\nX-Long: " + "x".repeat(20_000) + "\r\n\r\n");

        assertThat(client.readAll(60_000)).startsWith("HTTP/1.1 431 ").contains("\"reason\":\"headers-too-large\"");
    }

    @Test
    void requestsThatFollowWithoutWaitingAreAnsweredInTheirOrder() throws Exception {
        RawClient client = connect();

        client.send(get("nova", "/v1/migrations") + get("", "/healthz") + get("nova", "/v1/nothing"));

        assertThat(client.readAnswer(60_000)).startsWith("HTTP/1.1 200 ").contains("\"migrations\":[]");
        assertThat(client.readAnswer(60_000)).startsWith("HTTP/1.1 200 ").endsWith("ok\n");
        assertThat(client.readAnswer(60_000)).startsWith("HTTP/1.1 404 ");
    }

    @Test
    void moreConnectionsThanTheLimitCostTheIdleOnes() throws Exception {
        assertOthersAreAnswered();
        for (int i = 0; i < 2 * CONNECTIONS; i++) {
            connect();
        }

        assertOthersAreAnswered();
    }

    @Test
    void aClientThatLeavesIsNoBug() throws Exception {
        Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        log.start();
        Level before = root.getLevel();
        root.setLevel(Level.WARN);
        root.addAppender(log);
        try {
            for (int i = 0; i < 20; i++) {
                connect().send(post("nova", 1000));
            }
            for (int i = 0; i < 20; i++) {
                connect().send(get("nova", "/v1/vms"));
            }
            clients.forEach(RawClient::close);
            long start = System.nanoTime();
            while (!call("", "GET", "/metrics", "").body().matches("(?s).*requests_abandoned_total [2-9][0-9].0.*")) {
                assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(60));
                TimeUnit.MILLISECONDS.sleep(100);
            }
            assertThat(List.copyOf(log.list))
                    .extracting(ILoggingEvent::getFormattedMessage)
                    .isEmpty();
        } finally {
            root.detachAppender(log);
            root.setLevel(before);
        }
    }

    @Test
    void aProjectHasSoManyRequestsAtOnceAndThenIsToldWhenToComeAgain() throws Exception {
        assertThat(call("theirs", "GET", "/v1/migrations", "").statusCode()).isEqualTo(200);
        cloud.hosts.mood("h1", FakeHosts.Mood.HANGS);
        List<RawClient> waiting = sendUntilOverBudget();
        assertOthersAreAnswered(); // now, while all of them hang

        HttpResponse<String> fifth = call("member", "GET", "/v1/migrations", "");
        assertError(fifth, 429, "over-budget");
        assertThat(fifth.headers().firstValue("Retry-After")).contains("1");
        assertThat(call("others", "GET", "/v1/migrations", "").statusCode())
                .as("not for another project")
                .isNotEqualTo(429);

        cloud.hosts.mood("h1", FakeHosts.Mood.WELL);
        int answered = 0;
        for (RawClient one : waiting) {
            String head = one.readHead(60_000);
            assertThat(head).matches("(?s)HTTP/1.1 (200|429) .*");
            answered += head.startsWith("HTTP/1.1 200 ") ? 1 : 0;
        }
        assertThat(answered).isGreaterThanOrEqualTo(4);
        assertThat(call("theirs", "GET", "/v1/migrations", "").statusCode()).isEqualTo(200);
    }

    @Test
    void aProjectHasSoManyConnectionsAndGetsThemBack() throws Exception {
        String ask = get("theirs", "/v1/migrations");
        for (int i = 0; i < OF_A_PROJECT; i++) {
            assertThat(connect().send(ask).readAnswer(60_000)).startsWith("HTTP/1.1 200 ");
        }

        assertThat(connect().send(ask).readAnswer(60_000))
                .startsWith("HTTP/1.1 429 ")
                .contains("over-budget", "connections of this project: " + OF_A_PROJECT);
        assertThat(clients.get(0).send(ask).readAnswer(60_000))
                .as("on one of its own")
                .startsWith("HTTP/1.1 200 ");
        assertThat(call("others", "GET", "/v1/migrations", "").statusCode())
                .as("of another project")
                .isEqualTo(200);
        assertOthersAreAnswered();

        clients.get(0).close();
        long start = System.nanoTime();
        while (!connect().send(ask).readAnswer(60_000).startsWith("HTTP/1.1 200 ")) {
            assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(60));
            TimeUnit.MILLISECONDS.sleep(100);
        }
    }

    /** Requests that hang. The one that asks whether the budget is used up may have taken the place of one of them: it gets 429. */
    private List<RawClient> sendUntilOverBudget() throws Exception {
        List<RawClient> sent = new ArrayList<>();
        long start = System.nanoTime();
        do {
            assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(60));
            sent.add(connect().send(get("theirs", "/v1/vms")));
        } while (call("theirs", "GET", "/v1/migrations", "").statusCode() != 429);
        return sent;
    }
}
