package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.memory.migration.PendingReleases.Kept;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.thread.HostThreads;
import org.splitmem.memory.vm.VmRecord;

class PendingReleasesTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final PendingReleases.Release AT_H3 = new PendingReleases.Release(Kept.STORE, "h3", VM, "token");
    private static final PendingReleases.Release AT_H1 = new PendingReleases.Release(Kept.SOURCE, "h1", VM, "token");

    @TempDir
    private Path directory;

    private PendingReleases releases(FakePeers peers) throws IOException {
        return new PendingReleases(directory.resolve("releases.json"), peers, new HostThreads(Runnable::run));
    }

    @Test
    void aHostIsToldOnce() throws Exception {
        FakePeers peers = new FakePeers("h3");
        PendingReleases releases = releases(peers);
        releases.add(AT_H3);

        releases.attempt(System.nanoTime());
        releases.attempt(System.nanoTime());

        assertThat(peers.asked()).containsExactly("release h3");
    }

    @Test
    void aSourceThatIsNotThroughIsToldAgainLater() throws Exception {
        FakePeers peers = new FakePeers("h1");
        peers.refuse("h1");
        PendingReleases releases = releases(peers);
        releases.add(AT_H1);
        long nowNs = System.nanoTime();

        releases.attempt(nowNs);
        releases.attempt(nowNs + 1_000_000_000L);
        releases.attempt(nowNs + 6_000_000_000L);

        assertThat(peers.asked()).containsExactly("arrived h1", "arrived h1");
    }

    /** Until it has ended there the guest may be resumed at the source, which needs them then. */
    @Test
    void sharedStoresAreReleasedOnceTheSourceHasConfirmed() throws Exception {
        FakePeers peers = new FakePeers("h1", "h3");
        peers.refuse("h1");
        PendingReleases releases = releases(peers);
        List<String> confirmed = new ArrayList<>();
        releases.tellSources(told -> confirmed.add(told.host()));
        releases.add(AT_H1);
        releases.addStores(Kept.SHARED_STORE, VM, List.of(new VmRecord.Lender("h3", "127.0.0.1", 7780, "new", 4096)));
        long nowNs = System.nanoTime();
        releases.attempt(nowNs);
        assertThat(peers.asked()).containsExactly("arrived h1");
        assertThat(confirmed).isEmpty();

        peers.refuse();
        releases.attempt(nowNs + 6_000_000_000L);
        releases.attempt(nowNs + 12_000_000_000L);

        assertThat(confirmed).containsExactly("h1");
        assertThat(peers.asked()).containsExactly("arrived h1", "arrived h1", "release h3");
    }

    @Test
    void sharedStoresOfASourceThatHasTheVmAgainAreItsOwn() throws Exception {
        FakePeers peers = new FakePeers("h1", "h3");
        peers.haveAgain("h1");
        PendingReleases releases = releases(peers);
        List<String> confirmed = new ArrayList<>();
        releases.tellSources(told -> confirmed.add(told.host()));
        releases.add(AT_H1);
        releases.addStores(Kept.SHARED_STORE, VM, List.of(new VmRecord.Lender("h3", "127.0.0.1", 7780, "new", 4096)));

        releases.attempt(System.nanoTime());
        releases.attempt(System.nanoTime() + 60_000_000_000L);

        assertThat(peers.asked()).containsExactly("arrived h1");
        assertThat(confirmed).isEmpty();
    }

    @Test
    void aSourceThatIsFencedNeedNotConfirm() throws Exception {
        FakePeers peers = new FakePeers("h1", "h3");
        peers.silence("h1");
        PendingReleases releases = releases(peers);
        List<String> confirmed = new ArrayList<>();
        releases.tellSources(told -> confirmed.add(told.host()));
        releases.add(AT_H1);
        releases.addStores(Kept.SHARED_STORE, VM, List.of(new VmRecord.Lender("h3", "127.0.0.1", 7780, "new", 4096)));
        long nowNs = System.nanoTime();
        releases.attempt(nowNs);

        releases.sourceFenced("h1", null);
        releases.attempt(nowNs + 60_000_000_000L);

        assertThat(confirmed).containsExactly("h1");
        assertThat(peers.asked()).containsExactly("arrived h1", "release h3");
    }

    @Test
    void aHostThatIsAwayIsToldByTheNextDaemon() throws Exception {
        FakePeers away = new FakePeers("h3");
        away.refuse("h3");
        PendingReleases releases = releases(away);
        releases.add(AT_H3);
        releases.attempt(System.nanoTime());
        FakePeers back = new FakePeers("h3");

        releases(back).attempt(System.nanoTime());

        assertThat(back.asked()).containsExactly("release h3");
        FakePeers later = new FakePeers("h3");
        releases(later).attempt(System.nanoTime());
        assertThat(later.asked()).isEmpty();
    }

    /** Its daemon takes requests and hangs: memory at other hosts is free at once all the same. */
    @Test
    @Timeout(20)
    void aHostThatHangsKeepsNoOtherFromBeingTold() throws Exception {
        FakePeers peers = new FakePeers("h3", "h1");
        peers.waitAt("h3");
        PendingReleases releases = new PendingReleases(directory.resolve("releases.json"), peers);
        releases.add(AT_H3);
        releases.attempt(System.nanoTime());
        releases.add(AT_H1);

        releases.attempt(System.nanoTime());

        Await.until("h1 is told", () -> peers.asked().contains("arrived h1"));
        Await.until("h3 is asked", () -> peers.asked().contains("release h3"));
        releases.attempt(System.nanoTime());
        assertThat(peers.asked()).containsOnlyOnce("release h3");
        peers.answer();
        Await.until(
                "h3 is told, and nothing is written any more", () -> content().startsWith("[]"));
    }

    private String content() {
        try {
            return Files.readString(directory.resolve("releases.json"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The VMs of this host are served; what may be left elsewhere is the operator's to see. */
    @Test
    void aDamagedFileIsSetAsideAndTheDaemonGoesOnWithoutIt() throws Exception {
        FakePeers peers = new FakePeers("h3");
        for (String aside : List.of("releases.json.damaged", "releases.json.damaged2")) {
            Files.writeString(directory.resolve("releases.json"), "[{\"kept\":\"STO");

            PendingReleases releases = releases(peers);

            releases.attempt(System.nanoTime());
            assertThat(peers.asked()).isEmpty();
            assertThat(directory.resolve("releases.json")).doesNotExist();
            assertThat(directory.resolve(aside)).hasContent("[{\"kept\":\"STO");
        }
        PendingReleases releases = releases(peers);
        releases.add(AT_H3);
        releases.attempt(System.nanoTime());
        assertThat(peers.asked()).containsExactly("release h3");
    }

    @Test
    void aHostThatDoesNotAnswerIsAskedOnceForAllAndMoreAndMoreSeldom() throws Exception {
        FakePeers peers = new FakePeers("h3");
        peers.silence("h3");
        PendingReleases releases = releases(peers);
        releases.add(AT_H3);
        releases.add(new PendingReleases.Release(Kept.STORE, "h3", UUID.randomUUID(), "token"));
        long nowNs = System.nanoTime();

        for (int second = 0; second <= 120; second++) {
            releases.attempt(nowNs + second * 1_000_000_000L);
        }

        assertThat(peers.asked())
                .as("after 0, 2, 6, 14, 30, 62 and 94 s, or a little later")
                .hasSize(7);
    }
}
