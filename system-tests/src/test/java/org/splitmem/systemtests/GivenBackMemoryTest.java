package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/**
 * A guest whose kernel gives memory back again and again (free page reporting), takes it again, and verifies all of it. What it
 * gave back is nowhere, whatever its host or a memory server had of it.
 */
@SystemTest
final class GivenBackMemoryTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    /** Of the 64 MiB that it takes and gives back; its kernel keeps some for itself. */
    private static final long MUCH = 40L << 20;

    private final Testbed bed;

    GivenBackMemoryTest(Testbed bed) {
        this.bed = bed;
    }

    private Guest boot(String name) {
        return bed.boot(Guest.Spec.named(name).withBalloon().workload("mb=96 hot=0.1 sweep=2 free=64"), "h1");
    }

    @Test
    void whatASplitGuestGivesBackIsKeptNowhere() {
        Guest guest = boot("gives");

        bed.cli("h1").split(guest.name(), "--budget", "96MiB", "--sub-host", "h3", "--sub-host", "h4");

        guest.awaitState(VmState.SPLIT, LIMIT);
        requireThatItGivesAndTakes(guest);
        guest.verifyAll();
    }

    @Test
    void aGuestThatGivesMemoryBackIsSplitByMigration() {
        Guest guest = boot("moves");

        SplitVm.split(bed, guest, "h2");

        guest.verifyAll();
        requireThatItGivesAndTakes(guest);
        guest.verifyAll();
    }

    /** Both ways within two turns: memory that is nowhere becomes more, and is used again. */
    private static void requireThatItGivesAndTakes(Guest guest) {
        long turns = guest.timesFreed() + 2;
        long[] zero = {Long.MAX_VALUE, 0};
        Await.until(guest.name() + " gives back twice more", LIMIT, () -> {
            VmInfo info = guest.info();
            zero[0] = Math.min(zero[0], info.zeroBytes());
            zero[1] = Math.max(zero[1], info.zeroBytes());
            return guest.timesFreed() >= turns && zero[1] - zero[0] >= MUCH;
        });
        assertThat(guest.bad()).as("corrupt blocks in %s", guest.name()).isZero();
    }
}
