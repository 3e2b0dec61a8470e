package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/**
 * What has to work with every QEMU, libvirt and JDK: the rows of docs/COMPATIBILITY.md. devstack/matrix.sh runs it on each of
 * them, so it is short; faults and edges have their own tests.
 */
@SystemTest
final class StackTest {
    private static final long RAM = 256L << 20;

    private final Testbed bed;
    private Guest guest;

    StackTest(Testbed bed) {
        this.bed = bed;
    }

    @BeforeEach
    void split() {
        guest = SplitVm.of(bed, "stack");
    }

    @Test
    void aGuestIsSplitByMigrationAndVerifiesEveryByteByRemotePaging() {
        guest.verifyAll();

        VmInfo info = guest.info();
        assertThat(info.state()).isEqualTo(VmState.SPLIT);
        assertThat(info.remoteBytes()).isNotEmpty();
        assertThat(info.faults().pageIns()).isPositive();
    }

    @Test
    void aSplitGuestIsGatheredAndItsSubHostsKeepNothing() {
        bed.cli(guest.host()).budget(guest.name(), Long.toString(RAM));

        guest.awaitState(VmState.LOCAL, SplitVm.LIMIT);
        guest.verifyAll();
        assertThat(guest.info().remoteBytes()).isEmpty();
        bed.requireNothingElse(guest);
    }

    /** QEMU writes all RAM into the file, remote pages too: a file without them would restore a guest full of zeros. */
    @Test
    void aSplitGuestIsSavedLeavesNothingBehindAndIsRestoredWithEveryByte() throws Exception {
        Path file = bed.cluster().file("guest/stack.save");
        try {
            virsh("save", guest.name(), file.toString());
            assertThat(guest.isRunningOn(guest.host())).isFalse();
            bed.requireNothingElse();

            virsh("restore", file.toString());

            guest.awaitProgress();
            guest.verifyAll();
            bed.requireNothingElse(guest);
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private void virsh(String... arguments) {
        Job.Result result = bed.cluster().virsh(guest.host(), arguments);
        assertThat(result.exitCode())
                .as("virsh %s: %s", String.join(" ", arguments), result.err())
                .isZero();
    }
}
