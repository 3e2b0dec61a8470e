package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.gather.ReadAhead;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.memory.wire.RunList;

/** What comes on a stream when no QEMU is attached here. */
class IncomingPagesTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final NativeBlock content = new NativeBlock(4096);
    private final RunList first = new RunList();
    private VmRegistry vms;
    private Vm vm;

    @BeforeEach
    void start() throws IOException {
        vms = TestVms.registry(directory);
        vms.recover(found -> {}, takenUp -> {});
        vm = vms.prepare(TestVms.record("db1", VmRecord.Phase.INCOMING, 64L << 20));
        content.putLong(0, 0x5eed);
        first.add(0);
    }

    @AfterEach
    void end() {
        vms.stop();
    }

    @Test
    void pagesGoStraightIntoTheMemoryThatNobodyLooksAtYet() throws Exception {
        vm.using(() -> {
            IncomingPages pages = new IncomingPages(vm, vm.requireMemory(), vm.requireTable(), null);

            pages.take(content.address(), 0, 1);

            assertThat(vm.requireMemory().hasData(0)).isTrue();
            pages.drop(first);
            assertThat(vm.requireMemory().hasData(0)).isFalse();
        });
    }

    /** What a memory server has of them is older, and is not to come over them. */
    @Test
    void pagesFromTheSourceAreNotReadAheadAnyMore() throws Exception {
        vm.using(() -> {
            PageTable table = vm.requireTable();
            ReadAhead ahead =
                    new ReadAhead(new ReadAhead.Vm("db1", vm.requireMemory(), table, Map.of(), 0, FaultPoints.NONE));
            IncomingPages pages = new IncomingPages(vm, vm.requireMemory(), table, ahead);
            for (long page = 0; page < 3; page++) {
                ahead.placed(page, 0);
            }

            pages.take(content.address(), 1, 1);
            pages.drop(first);

            assertThat(PageEntry.state(table.get(0))).isEqualTo(PageState.LOCAL);
            assertThat(PageEntry.state(table.get(1))).isEqualTo(PageState.LOCAL);
            assertThat(PageEntry.state(table.get(2))).isEqualTo(PageState.REMOTE);
        });
    }

    /** Frames that were received already when the daemon began to end: what the guest wrote is newer. */
    @Test
    void aDaemonThatEndsTakesNothingMore() throws Exception {
        vm.using(() -> {
            IncomingPages pages = new IncomingPages(vm, vm.requireMemory(), vm.requireTable(), null);
            pages.take(content.address(), 0, 1);

            vms.stop();

            assertThatThrownBy(() -> pages.take(content.address(), 1, 1)).hasMessageContaining("any more");
            assertThatThrownBy(() -> pages.drop(first)).hasMessageContaining("any more");
            assertThat(vm.requireMemory().hasData(1)).isFalse();
            assertThat(vm.requireMemory().hasData(0)).isTrue();
        });
    }
}
