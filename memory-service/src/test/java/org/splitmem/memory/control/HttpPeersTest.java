package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.memory.migration.PeerDirectory;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.migration.RequestId;
import org.splitmem.memory.testing.Ports;
import org.splitmem.model.PeerAddress;
import org.splitmem.model.PeerList;

class HttpPeersTest {
    @TempDir
    private Path state;

    private HttpPeers peers;

    @BeforeEach
    void know() {
        List<PeerAddress> configured = List.of(
                new PeerAddress("h2", "127.0.0.1", Ports.free().getPort()), new PeerAddress("h3", "127.0.0.1", 1));
        peers = new HttpPeers(new PeerDirectory("h1", configured, state.resolve("peers.json")), 7780, TestControl.KEY);
    }

    @Test
    void aHostThatNobodyConfiguredIsRefusedNamingThoseThatAreAndWhatCanBeDone() throws Exception {
        assertThat(peers.find("h2")).isEqualTo(new PeerHosts.Peer("h2", "127.0.0.1", 7780));
        assertThatThrownBy(() -> peers.find("h9"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("h9")
                .hasMessageContaining("h2, h3")
                .hasMessageContaining("peers of splitmem.conf")
                .hasMessageContaining("nova-bridge");
    }

    /** The id that joins the logs of all hosts that did something for one request. */
    @Test
    void anotherHostIsToldWhichRequestItIsAskedFor() throws Exception {
        List<String> sent = new CopyOnWriteArrayList<>();
        HttpServer other = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        other.createContext("/", exchange -> {
            sent.add(String.valueOf(exchange.getRequestHeaders().getFirst("X-Openstack-Request-Id")));
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        other.start();
        try {
            peers.directory()
                    .tell(new PeerList(List.of(new PeerAddress(
                            "h5", "127.0.0.1", other.getAddress().getPort()))));
            RequestId.isPartOf("req-1");
            peers.release(peers.find("h5"), UUID.randomUUID(), "token");
            RequestId.isPartOf(null);
            peers.release(peers.find("h5"), UUID.randomUUID(), "token");
        } finally {
            RequestId.isPartOf(null);
            other.stop(0);
        }

        assertThat(sent).containsExactly("req-1", "null");
    }

    @Test
    void aHostWhoseDaemonIsDownIsSaidAsSuch() {
        assertThatThrownBy(() -> peers.release(peers.find("h2"), UUID.randomUUID(), "token"))
                .isInstanceOf(UnreachableException.class)
                .hasMessageContaining("host h2")
                .hasMessageContaining("is splitmemd running there?");
    }
}
