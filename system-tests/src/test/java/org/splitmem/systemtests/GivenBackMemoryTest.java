package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
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
    /** What an inflated balloon leaves of its 256 MiB. */
    private static final long INFLATED_KIB = 176 << 10;

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

    /** What the balloon holds is nowhere; QEMU writes it as zeros, and says nothing about it. */
    @Test
    void aGuestIsSavedAndRestoredWithItsBalloonInflatedWholeAndSplit() throws IOException {
        Guest guest = bed.boot(Guest.Spec.named("inflated").withBalloon().workload("mb=96 hot=0.1 sweep=2"), "h1");
        inflate(guest);

        saveAndRestore(guest);
        guest.verifyAll();
        bed.cli("h1").split(guest.name(), "--budget", "96MiB", "--sub-host", "h3", "--sub-host", "h4");
        saveAndRestore(guest);
        guest.verifyAll();

        assertThat(balloonKib(guest)).isEqualTo(INFLATED_KIB);
        bed.requireNothingElse(guest);
        List<String> log = bed.cluster().lines("h1", "cat", "/var/log/libvirt/qemu/" + guest.name() + ".log");
        assertThat(log).hasSizeLessThan(500);
    }

    private void inflate(Guest guest) {
        virsh("setmem", guest.name(), Long.toString(INFLATED_KIB), "--live");
        Await.until("the balloon is inflated", LIMIT, () -> balloonKib(guest) == INFLATED_KIB);
    }

    private long balloonKib(Guest guest) {
        return virsh("dommemstat", guest.name())
                .lines()
                .filter(line -> line.startsWith("actual "))
                .mapToLong(line ->
                        Long.parseLong(line.substring("actual ".length()).strip()))
                .findFirst()
                .orElse(0);
    }

    private void saveAndRestore(Guest guest) throws IOException {
        Path file = bed.cluster().file("guest/" + guest.name() + ".save");
        try {
            virsh("save", guest.name(), file.toString());
            virsh("restore", file.toString());
        } finally {
            Files.deleteIfExists(file);
        }
        guest.awaitProgress();
    }

    private String virsh(String... arguments) {
        Job.Result result = bed.cluster().virsh("h1", arguments);
        assertThat(result.exitCode())
                .as("virsh %s: %s", String.join(" ", arguments), result.err())
                .isZero();
        return result.out();
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
