package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.util.HashSet;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.server.StoreRecord;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.FenceResult;
import org.splitmem.model.RefusedException;

class FencingTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final FakePeers peers = new FakePeers("h2", "h3", "h4");
    private final Set<UUID> here = new HashSet<>();
    private MemoryServer server;
    private Fencing fencing;

    @BeforeEach
    void start() throws Exception {
        server = new MemoryServer(
                directory.resolve("stores"), Long.MAX_VALUE / 2, () -> Long.MAX_VALUE / 2, Lender.NO_NEIGHBOUR);
        server.recover();
        server.reserve(new StoreRecord(VM, "token", 1, 16, 4096, "h2", "h2", true));
        fencing = new Fencing(peers, new PeerHosts.Peer("h1", "127.0.0.1", 7780), server, here::contains);
    }

    private RefusedException refusal(String host, UUID vm) {
        RefusedException refusal =
                catchThrowableOfType(RefusedException.class, () -> fencing.fence(new FenceRequest(host, vm)));
        assertThat(refusal).isNotNull();
        assertThat(server.lentBytes()).as("nothing is freed").isEqualTo(4096);
        return refusal;
    }

    @Test
    void allHostsButTheDeadOneFreeWhatTheyKeepForIt() throws Exception {
        peers.silence("h2");

        FenceResult result = fencing.fence(new FenceRequest("h2", VM));

        assertThat(result.freed()).containsExactly(new FenceResult.Freed("h1", VM.toString(), 4096));
        assertThat(result.unreachable()).isEmpty();
        assertThat(server.lentBytes()).isZero();
        assertThat(peers.asked())
                .containsExactlyInAnyOrder("runs h2", "fence h2 for its VM at h3", "fence h2 for its VM at h4");
    }

    @Test
    void aHostThatDoesNotAnswerIsNamed() throws Exception {
        peers.refuse("h3");

        assertThat(fencing.fence(new FenceRequest("h2", VM)).unreachable()).containsExactly("h3");
    }

    @Test
    void aHostThatRunsTheVmIsNotFenced() throws IOException {
        peers.run("h2");

        assertThat(refusal("h2", VM).code()).isEqualTo("host-not-fenced");
        assertThat(refusal("h2", null)).hasMessageContaining("power that host off");
        assertThat(peers.asked()).containsOnly("runs h2");
    }

    /** A wrong key, a fault of its own: no dead host answers. */
    @Test
    void aHostThatAnswersAndDoesNotSayWhatItRunsIsNotFenced() throws Exception {
        peers.refuse("h2");

        RefusedException refusal = refusal("h2", VM);

        assertThat(refusal.code()).isEqualTo("host-not-fenced");
        assertThat(refusal).hasMessageContaining("splitmemd of h2 answers").hasMessageContaining("power that host off");
        assertThat(peers.asked()).containsOnly("runs h2");
    }

    /** A network that is cut in the middle: the host is dead to some, and runs its VMs all the same. */
    @Test
    void aHostThatAnotherOneReachesIsNotFenced() throws Exception {
        peers.silence("h2");
        peers.reach("h4");

        RefusedException refusal = refusal("h2", null);

        assertThat(refusal.code()).isEqualTo("host-not-fenced");
        assertThat(refusal).hasMessageContaining("h2").hasMessageContaining("it answers h4");
        assertThat(peers.asked()).doesNotContain("fence h2 at h3", "fence h2 at h4");
        peers.reach("");
        assertThat(fencing.fence(new FenceRequest("h2", null)).freed()).hasSize(1);
        assertThat(server.lentBytes()).isZero();
    }

    /** Nova evacuates from a host whose service is down, and names the server. */
    @Test
    void oneOfTheVmsIsFencedWithoutWitnesses() throws Exception {
        peers.silence("h2");
        peers.reach("h4");

        assertThat(fencing.fence(new FenceRequest("h2", VM)).freed()).hasSize(1);
    }

    @Test
    void aWitnessThatDoesNotAnswerSaysNothing() throws Exception {
        peers.silence("h2");
        peers.refuse("h3");

        FenceResult result = fencing.fence(new FenceRequest("h2", null));

        assertThat(result.freed()).hasSize(1);
        assertThat(result.unreachable()).containsExactly("h3");
    }

    /** Its migration died with the host. */
    @Test
    void whatAVmHadThatMayHaveMigratedIsFreedIfItHasNot() throws Exception {
        peers.silence("h2");
        peers.keepFor("h3", "h4");

        FenceResult result = fencing.fence(new FenceRequest("h2", null));

        assertThat(result.freed()).contains(new FenceResult.Freed("h3", FakePeers.KEPT.toString(), 8192));
        assertThat(result.kept()).isEmpty();
        assertThat(peers.asked()).contains("fence h2 for its VM at h3").doesNotContain("fence h2 for its VM at h4");
    }

    @Test
    void whatAVmHadThatHasMigratedStays() throws Exception {
        peers.silence("h2");
        peers.keepFor("h3", "h4");
        peers.run("h4");

        FenceResult result = fencing.fence(new FenceRequest("h2", null));

        assertThat(result.freed()).extracting(FenceResult.Freed::host).containsExactly("h1");
        assertThat(result.kept()).isEmpty();
        assertThat(peers.asked()).doesNotContain("fence h2 for its VM at h3");
    }

    /** It is for the operator to say then. */
    @Test
    void whatAVmHadStaysAndIsNamedIfNobodyKnowsWhetherItHasMigrated() throws Exception {
        peers.silence("h2");
        peers.refuse("h4");
        peers.keepFor("h3", "h4");

        FenceResult result = fencing.fence(new FenceRequest("h2", null));

        assertThat(result.kept()).containsExactly(new FenceResult.Kept("h3", FakePeers.KEPT.toString(), 8192, "h4"));
        assertThat(peers.asked()).doesNotContain("fence h2 for its VM at h3");
    }

    /** This host has a reservation of it, or has it. */
    @Test
    void thisHostIsAskedAsAnyOther() throws Exception {
        peers.silence("h2");
        UUID onItsWay = new UUID(0, 7);
        server.reserve(new StoreRecord(onItsWay, "other", 1, 16, 4096, "h2", "h4", false));
        peers.run("h4");
        fencing.fence(new FenceRequest("h2", null));
        assertThat(server.lentBytes()).as("h4 has it").isEqualTo(4096);
        peers.run("");
        peers.keepFor("h3", "h1");
        here.add(FakePeers.KEPT);

        FenceResult result = fencing.fence(new FenceRequest("h2", null));

        assertThat(result.freed()).containsExactly(new FenceResult.Freed("h1", onItsWay.toString(), 4096));
        assertThat(server.lentBytes()).isZero();
    }

    @Test
    void neitherThisHostNorOneThatIsUnknownIsFenced() {
        assertThat(refusal("h1", null).code()).isEqualTo("same-host");
        assertThat(refusal("h9", null).code()).isEqualTo("host-not-found");
    }
}
