package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.SocketPair;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.stream.RateLimiter;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;

/** What the last scan has found is pushed once the destination takes it, and only then. */
@Timeout(value = 40, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LastPagesTest {
    private static final UUID VM = TestVms.UUID_OF_VM;
    private static final long PAGES = 16;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final Signals signals = new Signals();
    private GuestMemory memory;
    private TransferLog transfers;
    private Lender main;
    private StreamGroup streams;
    private RoundSender sender;
    private ControlLink control;
    private FrameSocket destination;

    @BeforeEach
    void start() throws Exception {
        memory = TestMemory.of(directory.path(), PAGES);
        PageTable table = new PageTable(ByteBuffer.allocateDirect((int) PageTable.bytesFor(PAGES)), PAGES);
        transfers = new TransferLog(PAGES);
        main = new Lender("h2", directory.resolve("h2")).reserve(VM, PAGES, Pages.toBytes(PAGES));
        streams = new StreamGroup(PagePlan.MAIN, main.endpoint(VM, 1, PAGES));
        streams.open(1, memory, new RateLimiter(0));
        sender = new RoundSender(false, table, transfers, List.of(streams));
        SocketPair sockets = SocketPair.open();
        sockets.near().setTimeouts(0, 0); // as the one of a migration: only a limit ends a wait
        control = new ControlLink(new FrameSocket(sockets.near()), PAGES, signals::changed);
        control.start();
        destination = new FrameSocket(sockets.far());
        GuestContent.write(memory, 3, 2, 1);
        for (long page = 3; page < 5; page++) {
            table.put(page, PageEntry.of(PageState.LOCAL));
            transfers.dirty().add(page);
        }
        control.sendAllTold();
    }

    @AfterEach
    void end() {
        streams.abort();
        sender.close();
        streams.close();
        main.close();
        destination.close();
        control.close();
        memory.close();
        transfers.close();
    }

    private void push(long limitNs) throws Exception {
        MigrationTask task = Tasks.toH2(Pages.toBytes(PAGES));
        new LastPages(
                        TestVms.vm(directory.resolve("vm"), TestVms.record("db1", VmRecord.Phase.LOCAL, 1 << 20)),
                        task,
                        sender,
                        List.of(streams),
                        control,
                        new Confirmations(task, signals, limitNs))
                .push();
    }

    @Test
    void theyArePushedOnceAllChunksAreOpen() throws Exception {
        destination.send(FrameType.FLUSHED, 0, 0, 0);

        push(TimeUnit.SECONDS.toNanos(20));

        assertThat(main.server().heldBytes()).isEqualTo(Pages.toBytes(2));
        assertThat(transfers.dirty().count()).isZero();
    }

    /** A page pushed into a sealed chunk could overwrite what the guest writes next: the destination fetches it instead. */
    @Test
    void theyAreLeftToBeFetchedIfTheDestinationDoesNotOpenItsChunksInTime() throws Exception {
        push(1);

        assertThat(main.server().heldBytes()).isZero();
        assertThat(transfers.dirty().count()).isEqualTo(2);
    }
}
