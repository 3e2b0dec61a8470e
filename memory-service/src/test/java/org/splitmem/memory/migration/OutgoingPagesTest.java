package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.SocketPair;
import org.splitmem.memory.linux.Unistd;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.shim.FakeShim;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;

class OutgoingPagesTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    /** What is there still can be fetched. */
    @Test
    void aPageThatQemuHasCutOffIsAbsent() throws Exception {
        try (SocketPair pair = SocketPair.open();
                GuestMemory memory = TestMemory.of(directory.path(), 10)) {
            GuestContent.write(memory, 0, 10, 1);
            Unistd.truncate(memory.file(0).fd(), Pages.toBytes(5));
            FrameSocket near = new FrameSocket(pair.near());
            CompletableFuture<Void> served = CompletableFuture.runAsync(() -> {
                try {
                    new OutgoingPages(memory, null, () -> {}).serve(new FrameSocket(pair.far()));
                } catch (Exception e) {
                    throw new CompletionException(e);
                }
            });
            near.send(FrameType.PAGE_IN, 5, 1, 0);
            near.send(FrameType.PAGE_IN, 4, 1, 0);

            assertThat(near.receive()).isTrue();
            assertThat(near.type()).isEqualTo(FrameType.PAGE_ABSENT);
            assertThat(near.rawPage()).isEqualTo(5);
            assertThat(near.receive()).isTrue();
            assertThat(near.type()).isEqualTo(FrameType.PAGE_DATA);
            NativeBlock page = new NativeBlock(Pages.SIZE);
            near.socket().receive(page.address(), Pages.SIZE);
            assertThat(GuestContent.matches(page.buffer(), 4, 1)).isTrue();
            near.socket().shutdown();
            served.join();
        }
    }

    /** In PAGED all of the file's holes that the table calls remote would be served as zeros. */
    @Test
    void aPageOnASubHostIsElsewhereAlsoForOneThatConnectsBeforeTheVmBeginsToLeave() throws Exception {
        VmRecord record = TestVms.lentBy(TestVms.record("db1", VmRecord.Phase.PAGED, Pages.toBytes(16)), "h3");
        try (FakeShim shim = new FakeShim(record.uuid());
                SocketPair pair = SocketPair.open()) {
            Vm vm = TestVms.attached(directory.path(), record, shim);
            vm.requireTable().put(3, PageEntry.of(PageState.REMOTE, 0));
            PageTable table = MigrationConnections.tableOf(vm);
            CompletableFuture<Void> served = CompletableFuture.runAsync(() -> {
                try {
                    new OutgoingPages(vm.requireMemory(), table, () -> {}).serve(new FrameSocket(pair.far()));
                } catch (Exception e) {
                    throw new CompletionException(e);
                }
            });
            FrameSocket near = new FrameSocket(pair.near());

            near.send(FrameType.PAGE_IN, 3, 1, 0);

            assertThat(near.receive()).isTrue();
            assertThat(near.type()).isEqualTo(FrameType.PAGE_ELSEWHERE);
            near.socket().shutdown();
            served.join();
        }
    }
}
