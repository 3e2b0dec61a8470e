package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.linux.SocketPair;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.shim.ShimServer;
import org.splitmem.memory.stream.BulkReceiver;
import org.splitmem.memory.stream.BulkSender;
import org.splitmem.memory.stream.PagesFrame;
import org.splitmem.memory.stream.RateLimiter;
import org.splitmem.memory.testing.AnyProcess;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.FakeQemu;
import org.splitmem.memory.testing.Gcc;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.SplitDefinitions;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.RunList;

/** A guest at its destination, whose source's daemon died before it had said what is dirty. */
class OrphanTest {
    private static final int PAGES = 64;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final FakePeers peers = new FakePeers("source");
    private final IncomingStreams streams = new IncomingStreams();
    private VmRecord.Lender source;
    private VmRegistry vms;
    private ShimServer shims;
    private FakeQemu qemu;
    private Vm vm;
    private GuestMemory older;

    @BeforeEach
    void start() throws Exception {
        Path socket = directory.resolve("shim.sock");
        source = new VmRecord.Lender("source", "127.0.0.1", Ports.free().getPort(), "token", Pages.toBytes(PAGES));
        vms = new VmRegistry(
                directory.resolve("vms"),
                TestVms.config(),
                directory.resolve("qmp"),
                new SplitDefinitions(directory.resolve("splits")));
        vms.recover(found -> {}, takenUp -> {});
        shims = new ShimServer(socket, Set.of(0), new AnyProcess(), vms);
        shims.start();
        vm = vms.prepare(new VmRecord(
                TestVms.UUID_OF_VM,
                "guest",
                VmRecord.Phase.INCOMING,
                List.of(Pages.toBytes(PAGES)),
                1,
                -1,
                List.of(),
                source,
                0,
                null));
        qemu = FakeQemu.start(
                Gcc.compile("paging/fakeqemu.c", directory.resolve("fakeqemu")), TestVms.UUID_OF_VM, socket);
        qemu.run("map " + Pages.toBytes(PAGES));
        Await.until("its QEMU is attached", () -> vm.session() != null && vm.paging() != null);
        older = TestMemory.of(directory.path(), PAGES);
        GuestContent.write(older, 0, PAGES, 1);
    }

    @AfterEach
    void end() {
        qemu.close();
        shims.close();
        vms.stop();
        older.close();
    }

    /** It was sent while the guest ran at its source, and may have been written since. */
    @Test
    void whatIsStillOnItsWayIsNotTakenForTheNewest() throws Exception {
        peers.leave();
        SocketPair pair = SocketPair.open();
        RunList all = new RunList();
        all.add(0, PAGES);
        try (FrameSocket here = new FrameSocket(pair.near());
                BulkSender there = new BulkSender(new FrameSocket(pair.far()), older, new RateLimiter(0))) {
            CompletableFuture<Void> served = CompletableFuture.runAsync(() -> serve(here));
            there.flush(page -> {}); // it is being served

            new Orphan(vm, source, peers, streams, QemuMemory.newArgument()).run();

            assertThatThrownBy(() -> {
                        there.send(all, PagesFrame.Choice.ALL, page -> {});
                        there.flush(page -> {});
                    })
                    .isInstanceOf(IOException.class);
            served.handle((nothing, why) -> true).get(20, TimeUnit.SECONDS);
        }
        Paging paging = vm.paging();
        assertThat(paging).isNotNull();
        assertThat(paging.seal()).matches(seal -> seal.allOpen());
        for (long page = 0; page < PAGES; page++) {
            assertThat(PageEntry.state(paging.table().get(page))).isNotEqualTo(PageState.LOCAL);
        }
    }

    private void serve(FrameSocket socket) {
        try {
            vm.using(() -> streams.serve(
                    socket, new BulkReceiver(new IncomingPages(vm, vm.requireMemory(), vm.requireTable(), null))));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
