package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.Ports;

/** Callers say how long they wait: what a request asks of other hosts ends before that, however many of them hang. */
class RequestTimeTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final HttpClient http = HttpClient.newHttpClient();
    private TestControl control;
    private ServerSocket hangs;

    @BeforeEach
    void start() throws Exception {
        hangs = new ServerSocket(0, 64, InetAddress.getLoopbackAddress()); // connects, and never answers
        control = new TestControl(directory, Ports.free().getPort(), 30_000);
        String peer = "{\"name\":\"%s\",\"address\":\"127.0.0.1\",\"controlPort\":" + hangs.getLocalPort() + "}";
        String peers = "{\"peers\":[" + peer.formatted("h3") + "," + peer.formatted("h4") + "]}";
        assertThat(ask("PUT", "/v1/peers", peers, "2").statusCode()).isEqualTo(204);
    }

    @AfterEach
    void end() throws IOException {
        control.close();
        hangs.close();
    }

    /** The limit is far above the time that is given, and below that of a single call of another host. */
    private HttpResponse<String> ask(String method, String path, String body, String seconds) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(
                        URI.create("http://127.0.0.1:" + control.config().controlPort() + path))
                .method(method, HttpRequest.BodyPublishers.ofString(body))
                .header("Authorization", "Bearer " + TestControl.KEY)
                .header("X-Splitmem-Timeout", seconds)
                .timeout(Duration.ofSeconds(6))
                .build();
        return http.send(request, HttpResponse.BodyHandlers.ofString());
    }

    @Test
    void aSplitWhoseSubHostsHangIsGivenUpWhileItsCallerWaits() throws Exception {
        String split = "{\"name\":\"db1\",\"ramBytes\":67108864,\"budgetBytes\":33554432,"
                + "\"subHosts\":[{\"host\":\"h3\"},{\"host\":\"h4\"}]}";

        HttpResponse<String> answer = ask("POST", "/v1/vms/" + VM + "/split", split, "2");

        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(502);
        assertThat(answer.body()).contains("\"failed\"", "h3");
        assertThat(ask("GET", "/v1/vms/" + VM, "", "2").statusCode())
                .as("it is not expected any more")
                .isEqualTo(404);
    }

    @Test
    void aFenceNamesTheHostsThatHangWhileItsCallerWaits() throws Exception {
        HttpResponse<String> answer = ask("POST", "/v1/fences", "{\"host\":\"h2\",\"vm\":\"" + VM + "\"}", "2");

        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        assertThat(answer.body()).contains("\"unreachable\":[\"h3\",\"h4\"]");
    }

    /** A host that has not had the time to say so is not dead. */
    @Test
    void whetherAHostIsDeadIsAskedForLongerThanItsCallerWaits() throws Exception {
        try (RawPeer slow = new RawPeer(1500)) {
            String peer =
                    "{\"peers\":[{\"name\":\"h5\",\"address\":\"127.0.0.1\",\"controlPort\":" + slow.port() + "}]}";
            assertThat(ask("PUT", "/v1/peers", peer, "2").statusCode()).isEqualTo(204);

            HttpResponse<String> answer = ask("POST", "/v1/fences", "{\"host\":\"h5\"}", "1");

            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(409);
            assertThat(answer.body()).contains("host-not-fenced");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "601", "soon", "1.5", "-1", ""})
    void whatIsNoTimeIsRefused(String seconds) throws Exception {
        HttpResponse<String> answer = ask("GET", "/v1/host", "", seconds);

        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.body()).contains("invalid-timeout", "seconds, from 1 to 600");
    }
}
