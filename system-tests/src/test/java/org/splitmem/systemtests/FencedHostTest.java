package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.FenceResult;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmState;

/** The main host of a split VM dies, and the VM is started on another one, with the sub-host that it had. */
@SystemTest
final class FencedHostTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final long RAM = 256L << 20;
    private static final long BUDGET = 128L << 20;

    private final Testbed bed;

    FencedHostTest(Testbed bed) {
        this.bed = bed;
    }

    private Guest split(String name) {
        Guest guest = bed.boot(Guest.Spec.named(name), "h2");
        bed.cli("h2").split(guest.name(), "--budget", "128MiB", "--sub-host", "h3");
        Await.value("it is within its budget", LIMIT, guest::info, info -> info.residentBytes() <= BUDGET + (4L << 20));
        return guest;
    }

    private static SplitRequest onH3(Guest guest) {
        return new SplitRequest(guest.name(), RAM, BUDGET, List.of(new SubHostShare("h3", null)));
    }

    @Test
    void itStartsElsewhereWithTheSameSubHostOnceItsHostIsFenced() {
        Guest guest = split("evacuated");
        UUID vm = UUID.fromString(guest.uuid());
        Job.Result early = bed.cli("h1").run("fence", "h2", "--vm", guest.uuid());
        assertThat(early.exitCode()).as("its host answers").isEqualTo(1);
        assertThat(early.err()).contains("runs on h2");
        guest.verifyAll();

        bed.cluster().killDaemon("h2");
        bed.cluster().qemus("h2").forEach(qemu -> Cluster.signal("KILL", qemu));
        // Silence frees nothing.
        assertThatThrownBy(() -> bed.cluster().control("h1").split(guest.uuid(), onH3(guest)))
                .hasMessageContaining("has a reservation here already, of host h2");
        FenceResult result = bed.cluster().control("h1").fence(new FenceRequest("h2", vm));

        assertThat(result.freed()).extracting(FenceResult.Freed::host).containsExactly("h3");
        assertThat(result.unreachable()).isEmpty();
        bed.cluster().control("h1").split(guest.uuid(), onH3(guest));
        guest.isAt("h1");
        guest.startAgain();
        guest.awaitReady();
        assertThat(guest.info().state()).isEqualTo(VmState.SPLIT);
        assertThat(guest.info().remoteBytes()).containsOnlyKeys("h3");
        guest.verifyAll();

        bed.cluster().startDaemon("h2"); // it knows how the VM was split there, and must not get at what h1 has
        bed.cluster().control("h2").forget(guest.uuid());
        guest.verifyAll();
        bed.requireNothingElse(guest);
    }
}
