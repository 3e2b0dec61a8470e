package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.RefusedException;

class GuestRoomTest {
    private static final long MIB = 1L << 20;
    private static final UUID NEXT = new UUID(0, 1);

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private VmRegistry vms;
    private long limit = 256 * MIB;
    private GuestRoom room;

    @BeforeEach
    void start() throws IOException {
        vms = TestVms.registry(directory);
        vms.recover(found -> {}, takenUp -> {});
        room = new GuestRoom(vms, () -> limit);
    }

    @AfterEach
    void end() {
        vms.stop();
    }

    private static VmRecord of(int number, VmRecord.Phase phase, long ram, long budget) {
        return new VmRecord(
                new UUID(1, number), "vm" + number, phase, List.of(ram), 1, budget, List.of(), null, 0, null);
    }

    @Test
    void aVmCountsWithAllItsRamAndASplitOneWithItsBudget() throws Exception {
        vms.start(of(1, VmRecord.Phase.LOCAL, 64 * MIB, -1), 0);
        vms.start(of(2, VmRecord.Phase.PAGED, 512 * MIB, 32 * MIB), 0);
        vms.start(of(3, VmRecord.Phase.INCOMING, 64 * MIB, -1), 0);

        room.check(NEXT, "db1", 96 * MIB);
        assertThatThrownBy(() -> room.check(NEXT, "db1", 96 * MIB + 1))
                .isInstanceOf(RefusedException.class)
                .hasMessage(
                        "guests may take 256.0 MiB of this host, 160.0 MiB are taken, VM db1 needs 96.0 MiB: move or "
                                + "end one, lower a budget, or raise memory.guest-limit");
        room.check(new UUID(1, 2), "vm2", 128 * MIB); // what it has itself does not count twice
    }

    @Test
    void whatIsGrantedCountsUntilItIsTaken() throws Exception {
        VmRegistry.Grant granted = room.grant(NEXT, "db1", 200 * MIB);
        assertThatThrownBy(() -> room.check(new UUID(0, 2), "db2", 64 * MIB))
                .hasMessageContaining("200.0 MiB are taken");
        room.check(NEXT, "db1", 256 * MIB);

        granted.close();

        room.check(new UUID(0, 2), "db2", 256 * MIB);
    }

    @Test
    void aRefusalFitsIntoWhatQemuIsTold() {
        limit = 12345 * MIB;
        assertThatThrownBy(() -> room.check(NEXT, "instance-0000abcd", 1L << 50))
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(216));
    }

    @Test
    void withoutALimitThereIsNone() throws Exception {
        limit = Long.MAX_VALUE;

        room.check(NEXT, "db1", Long.MAX_VALUE);
        assertThat(room.grant(NEXT, "db1", 1L << 60)).isNotNull();
    }
}
