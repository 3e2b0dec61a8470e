package org.splitmem.bridge.rest;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.gate.Limits;

/** How long a client may take, as a whole and however steadily its bytes come. */
class ClientTimesTest extends ApiFixture {
    private static final int LIMIT_MS = 3000;
    private static final long SOON_S = 60;

    @Override
    Limits limits() {
        Duration limit = Duration.ofMillis(LIMIT_MS);
        return new Limits(limit, limit, limit, Limits.DEFAULT.request(), 1000, 4, 300, 4);
    }

    private static String post(String token, int length) {
        return "POST /v1/migrations HTTP/1.1\r\nHost: bridge\r\nX-Auth-Token: " + token
                + "\r\nContent-Type: application/json\r\nContent-Length: " + length + "\r\n\r\n{";
    }

    /** @return how long the peer has put up with it, in ms */
    private static long drip(RawClient client) throws Exception {
        long start = System.nanoTime();
        while (client.drip() && System.nanoTime() - start < TimeUnit.SECONDS.toNanos(SOON_S)) {
            TimeUnit.MILLISECONDS.sleep(100);
        }
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
    }

    @Test
    void aBodyThatDripsEndsWithItsTime() throws Exception {
        call("nova", "GET", "/v1/migrations", "");
        try (RawClient slow = new RawClient(server.port())) {
            assertThat(drip(slow.send(post("nova", 100_000)))).isBetween(LIMIT_MS - 500L, SOON_S * 1000 - 1);
        }
    }

    @Test
    void aBodyThatStopsIsRefusedByName() throws Exception {
        call("nova", "GET", "/v1/migrations", "");
        try (RawClient slow = new RawClient(server.port())) {
            String answer = slow.send(post("nova", 1000)).readAll((int) SOON_S * 1000);

            assertThat(answer).startsWith("HTTP/1.1 408 ").contains("\"reason\":\"body-too-slow\"");
        }
    }

    @Test
    void headersThatDripEndWithTheirTime() throws Exception {
        try (RawClient slow = new RawClient(server.port())) {
            assertThat(drip(slow.send("GET /healthz HTTP/1.1\r\nX-Slow: ")))
                    .isBetween(LIMIT_MS - 500L, SOON_S * 1000 - 1);
        }
    }

    @Test
    void aClientThatNeverReadsIsLeftAfterAWhile() throws Exception {
        try (RawClient never = new RawClient(server.port(), 1024)) {
            // More answers than all buffers between hold: the server has to wait for the client.
            never.send("GET /v1/openapi.json HTTP/1.1\r\nHost: bridge\r\n\r\n".repeat(400));

            long start = System.nanoTime();
            while (call("", "GET", "/metrics", "").body().contains("splitmem_bridge_requests_abandoned_total 0.0")) {
                assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(SOON_S));
                TimeUnit.MILLISECONDS.sleep(100);
            }
        }
    }
}
