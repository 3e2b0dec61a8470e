package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Handover;

class ReservationsTest {
    private static final long RAM = 1L << 30;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final FakePeers peers = new FakePeers("h2", "h3", "h4");
    private PendingReleases releases;
    private Reservations reservations;

    @BeforeEach
    void start() throws IOException {
        Vm vm = TestVms.vm(directory.path(), TestVms.record("db1", VmRecord.Phase.LOCAL, RAM));
        List<VmRecord.Lender> lenders = List.of(lender("h3"), lender("h4"));
        MigrationTask task = new MigrationTask(
                "m1",
                peers.find("h2"),
                RAM / 4,
                false,
                lenders,
                new TreeMap<>(Map.of(0, peers.find("h3"), 1, peers.find("h4"))),
                lender("h1"),
                6,
                1,
                0,
                Handover.HYBRID,
                Origin.UNKNOWN);
        releases = TestMigrations.releases(directory, peers);
        reservations = new Reservations(vm, task, peers, "h1", releases);
    }

    private static VmRecord.Lender lender(String host) {
        return new VmRecord.Lender(host, "127.0.0.1", 7780, "token", RAM);
    }

    @Test
    void subHostsAreAskedBeforeTheDestination() throws Exception {
        reservations.make();

        assertThat(peers.asked()).containsExactly("reserve h3", "reserve h4", "prepare h2");
    }

    @Test
    void whatWasAskedForIsGivenBackAlsoWhereNoAnswerCame() {
        peers.refuse("h4");
        assertThatThrownBy(reservations::make).hasMessageContaining("h4 refused");

        reservations.release();

        assertThat(peers.asked()).containsExactly("reserve h3", "reserve h4", "release h3", "release h4");
    }

    @Test
    void aSubHostThatIsAwayIsToldWhenItIsBack() throws Exception {
        reservations.make();
        peers.refuse("h4");
        reservations.release();
        peers.refuse("nobody");

        releases.attempt(System.nanoTime());

        assertThat(peers.asked())
                .containsExactly(
                        "reserve h3",
                        "reserve h4",
                        "prepare h2",
                        "cancel h2",
                        "release h3",
                        "release h4",
                        "release h4");
    }

    @Test
    void aDestinationThatRefusesIsToldTooAndNothingStays() {
        peers.refuse("h2");
        assertThatThrownBy(reservations::make).hasMessageContaining("h2 refused");

        reservations.release();
        reservations.release();

        assertThat(peers.asked())
                .containsExactly("reserve h3", "reserve h4", "prepare h2", "cancel h2", "release h3", "release h4");
    }
}
