package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.memory.migration.PeerDirectory;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.migration.RequestId;
import org.splitmem.memory.migration.RequestTime;
import org.splitmem.memory.migration.UnreachableException;
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
        try (RawPeer other = new RawPeer(0)) {
            peers.directory().tell(new PeerList(List.of(new PeerAddress("h5", "127.0.0.1", other.port()))));
            RequestId.isPartOf("req-1");
            peers.release(peers.find("h5"), UUID.randomUUID(), "token");
            RequestId.isPartOf(null);
            peers.release(peers.find("h5"), UUID.randomUUID(), "token");

            assertThat(other.heads()).hasSize(2);
            assertThat(other.heads().get(0)).contains("x-openstack-request-id: req-1\n");
            assertThat(other.heads().get(1)).doesNotContain("request-id");
        } finally {
            RequestId.isPartOf(null);
        }
    }

    @Test
    void aHostWhoseDaemonIsDownIsSaidAsSuch() {
        assertThatThrownBy(() -> peers.release(peers.find("h2"), UUID.randomUUID(), "token"))
                .isInstanceOf(UnreachableException.class)
                .hasMessageContaining("host h2")
                .hasMessageContaining("is splitmemd running there?");
    }

    @Test
    @Timeout(20)
    @SuppressWarnings("try") // a scope
    void aHostThatHangsInTheMiddleOfItsAnswerIsNotWaitedForLonger() throws Exception {
        try (RawPeer other = RawPeer.thatHangs();
                RequestTime.Scope unused = RequestTime.begin(System.nanoTime(), "1")) {
            peers.directory().tell(new PeerList(List.of(new PeerAddress("h5", "127.0.0.1", other.port()))));

            assertThatThrownBy(() -> peers.release(peers.find("h5"), UUID.randomUUID(), "token"))
                    .isInstanceOf(UnreachableException.class)
                    .hasMessageContaining("host h5")
                    .hasMessageContaining("no whole answer within");
        }
    }
}
