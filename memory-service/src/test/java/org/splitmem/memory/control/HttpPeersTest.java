package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
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
import org.splitmem.model.HostInfo;
import org.splitmem.model.HostStatus;
import org.splitmem.model.Json;
import org.splitmem.model.PeerAddress;
import org.splitmem.model.PeerList;
import org.splitmem.model.VmInfo;

class HttpPeersTest {
    private static final HostInfo INFO = new HostInfo("h4", "1", 1, "6.18.0", 0, 0, 0, 0, 0, null, null, null, null);

    private static final PeerAddress SELF = new PeerAddress("h1", "127.0.0.1", 1);

    @TempDir
    private Path state;

    private HttpPeers peers;

    @BeforeEach
    void know() {
        List<PeerAddress> configured = List.of(
                new PeerAddress("h2", "127.0.0.1", Ports.free().getPort()), new PeerAddress("h3", "127.0.0.1", 1));
        peers = new HttpPeers(new PeerDirectory(SELF, configured, state.resolve("peers.json")), 7780, TestControl.KEY);
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

    /** While hosts are updated one after the other. */
    @Test
    void whatAHostOfAnEarlierVersionHasFreedIsUnderstood() {
        UUID vm = UUID.randomUUID();

        PeerHosts.Fenced said =
                Json.read("{\"freed\":[{\"vm\":\"" + vm + "\",\"bytes\":4096}]}", PeerHosts.Fenced.class);

        assertThat(said.freed()).containsExactly(new PeerHosts.Store(vm, 4096, null));
        assertThat(said.kept()).isEmpty();
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

    /** Another version's splitmemd: what asks it again and again takes that for any other failure. */
    @Test
    void anAnswerThatCannotBeReadIsAFailureThatNamesTheHost() throws Exception {
        try (RawPeer other = new RawPeer(0, "[{\"flavour\":1}]")) {
            peers.directory().tell(new PeerList(List.of(new PeerAddress("h5", "127.0.0.1", other.port()))));

            for (ThrowingCallable asking : List.<ThrowingCallable>of(
                    () -> peers.vms("h5"), () -> peers.roomOf("h5"), () -> peers.info("h5"))) {
                assertThatThrownBy(asking)
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("host h5 answers in another way than this version knows");
            }
        }
    }

    @Test
    void anotherHostIsAskedWhomItReaches() throws Exception {
        String hosts = Json.write(List.of(
                new HostStatus("h3", "127.0.0.1", false, null, "no route"),
                new HostStatus("h4", "127.0.0.1", true, INFO, null)));
        try (RawPeer other = new RawPeer(0, hosts)) {
            peers.directory().tell(new PeerList(List.of(new PeerAddress("h5", "127.0.0.1", other.port()))));
            PeerHosts.Peer witness = peers.find("h5");

            assertThat(peers.reaches(witness, "h4")).isTrue();
            assertThat(peers.reaches(witness, "h3")).isFalse();
            assertThat(peers.reaches(witness, "h2")).as("unknown there").isFalse();
            assertThat(other.heads().get(0)).startsWith("get /v1/hosts ");
        }
        assertThatThrownBy(() -> peers.reaches(peers.find("h2"), "h4")).isInstanceOf(IOException.class);
    }

    /** A VM may be called as another one's uuid. */
    @Test
    void aVmWhoseNameLooksLikeTheUuidIsAnotherOne() throws Exception {
        VmInfo other = Views.frozen(UUID.randomUUID());
        try (RawPeer peer = new RawPeer(0, Json.write(other))) {
            peers.directory().tell(new PeerList(List.of(new PeerAddress("h5", "127.0.0.1", peer.port()))));

            assertThat(peers.runs(peers.find("h5"), UUID.randomUUID())).isFalse();
            assertThat(peers.runs(peers.find("h5"), UUID.fromString(other.uuid())))
                    .isTrue();
        }
    }

    /** A token comes with a request of another host, which may be anything. */
    @Test
    void aTokenIsEncoded() throws Exception {
        try (RawPeer other = new RawPeer(0)) {
            peers.directory().tell(new PeerList(List.of(new PeerAddress("h5", "127.0.0.1", other.port()))));

            peers.release(peers.find("h5"), UUID.randomUUID(), "a b&c=d#e");

            assertThat(other.heads().get(0)).contains("?token=a+b%26c%3dd%23e http/1.1");
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
