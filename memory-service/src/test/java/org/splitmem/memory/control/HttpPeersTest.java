package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.config.DaemonConfig;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.testing.Ports;

class HttpPeersTest {
    private final HttpPeers peers = new HttpPeers(
            List.of(
                    new DaemonConfig.PeerAddress("h2", "127.0.0.1", Ports.free().getPort()),
                    new DaemonConfig.PeerAddress("h3", "127.0.0.1", 1)),
            7780,
            TestControl.KEY);

    @Test
    void aHostThatNobodyConfiguredIsRefusedNamingThoseThatAre() throws Exception {
        assertThat(peers.find("h2")).isEqualTo(new PeerHosts.Peer("h2", "127.0.0.1", 7780));
        assertThatThrownBy(() -> peers.find("h9"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("h9")
                .hasMessageContaining("h2, h3");
    }

    @Test
    void aHostWhoseDaemonIsDownIsSaidAsSuch() {
        assertThatThrownBy(() -> peers.release(peers.find("h2"), UUID.randomUUID(), "token"))
                .isInstanceOf(UnreachableException.class)
                .hasMessageContaining("host h2")
                .hasMessageContaining("is splitmemd running there?");
    }
}
