package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.remote.PageOutClient;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.wire.RunList;

/** A VM that arrives by a migration: its faults wait for their chunk, and then for the source. */
class IncomingVmTest extends MachineTest {
    private static final long PAGES = ChunkSeal.CHUNK_PAGES + 512;

    IncomingVmTest() {
        super(PAGES);
    }

    private void start() throws Exception {
        machine("h2").incoming().start();
    }

    private void open(int chunk) {
        ChunkSeal seal = machine.paging().seal();
        assertThat(seal).isNotNull();
        seal.open(chunk);
        machine.paging().qemu().wake(new NativeBlock(64), ChunkSeal.firstPage(chunk), ChunkSeal.length(chunk, PAGES));
    }

    /** Puts a page's content on a host that keeps pages, past the daemon. */
    private void keepAt(org.splitmem.memory.testing.Lender host, long from, long count, int version) throws Exception {
        GuestMemory memory = machine.paging().memory();
        GuestContent.write(memory, from, count, version);
        RunList runs = new RunList();
        runs.add(from, count);
        try (PageOutClient client = new PageOutClient(host.endpoint(Machine.VM, 1, PAGES), memory)) {
            client.store(runs, page -> {
                throw new AssertionError("page " + page + " is damaged");
            });
        }
        memory.punch(from, count);
    }

    @Test
    void faultsWaitUntilTheirChunkIsOpenAndAskForItOnce() throws Exception {
        machine("h2").incoming();
        Queue<Integer> wanted = new ConcurrentLinkedQueue<>();
        machine.startWith(vm -> vm.comesBy(wanted::add, () -> {}));

        machine.guest().begin("verify " + ChunkSeal.CHUNK_PAGES + " 20");

        Await.until("the chunk is asked for", () -> !wanted.isEmpty());
        assertThat(machine.guest().hasAnswered()).isFalse();
        open(1);
        machine.guest().end();
        assertThat(wanted).containsExactly(1);
    }

    /** What a memory server has of them may be older than what the source has yet to tell. */
    @Test
    void pagesOfASealedChunkAreNotReadAheadFromAnOpenOne() throws Exception {
        start();
        long first = ChunkSeal.CHUNK_PAGES - 8;
        keepAt(machine.lender(0), first, 16, 8);
        for (long page = first; page < first + 16; page++) {
            machine.table().put(page, PageEntry.of(PageState.REMOTE, 0));
        }
        machine.guest().run("believe " + first + " 16 8");
        open(0);

        machine.guest().run("verify " + first + " 8");

        assertThat(machine.paging().stats().readAheadPages.sum()).isPositive();
        for (long page = ChunkSeal.CHUNK_PAGES; page < first + 16; page++) {
            assertThat(PageEntry.state(machine.table().get(page))).isEqualTo(PageState.REMOTE);
        }
    }

    /** Their chunk's dirty set may break off, and be told again as a whole: what the guest wrote to them would be lost then. */
    @Test
    void pagesOfASealedChunkAreNotFetchedFromTheSource() throws Exception {
        start();
        keepAt(machine.source(), 0, 1, 8);
        machine.table().put(0, PageEntry.of(PageState.AT_SOURCE));

        machine.paging().fetchFromSource(PAGES);
        assertThat(machine.table().get(0)).isEqualTo(PageEntry.of(PageState.AT_SOURCE));
        open(0);
        machine.paging().fetchFromSource(PAGES);

        Await.until("it has come", () -> PageEntry.state(machine.table().get(0)) == PageState.LOCAL);
    }

    @Test
    void pagesWrittenBeforeQemuCameAreThere() throws Exception {
        start();
        GuestContent.write(machine.paging().memory(), 0, 300, 5);
        for (long page = 0; page < 300; page++) {
            machine.table().put(page, PageEntry.of(PageState.LOCAL));
        }
        machine.guest().run("believe 0 300 5");

        machine.guest().begin("verify 0 400");
        open(0);

        machine.guest().end();
    }

    @Test
    void pagesLeftAtTheSourceAreFetchedFromThereAndEndTheDependence() throws Exception {
        start();
        keepAt(machine.source(), 0, 200, 8);
        keepAt(machine.lender(0), 200, 100, 8);
        for (long page = 0; page < 300; page++) {
            machine.table()
                    .put(page, page < 200 ? PageEntry.of(PageState.AT_SOURCE) : PageEntry.of(PageState.REMOTE, 0));
        }
        machine.guest().run("believe 0 300 8");
        open(0);
        open(1);
        machine.vm().arrived();

        machine.guest().run("verify 0 400");

        Await.until("the source is forgotten", () -> machine.vm().record().source() == null);
        assertThat(machine.vm().record().phase()).isEqualTo(VmRecord.Phase.PAGED);
        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    @Test
    void aRestartLeavesChunksOpenOrSealedAsTheyWere() throws Exception {
        start();
        keepAt(machine.lender(0), 0, 100, 8);
        for (long page = 0; page < 100; page++) {
            machine.table().put(page, PageEntry.of(PageState.REMOTE, 0));
        }
        machine.guest().run("believe 0 100 8");
        open(0);

        machine.stopDaemon();
        machine.startDaemon();
        machine.awaitShim();

        machine.guest().run("verify 0 200");
        assertThat(machine.paging().seal().isSealed(ChunkSeal.CHUNK_PAGES)).isTrue();
        machine.guest().begin("verify " + ChunkSeal.CHUNK_PAGES + " 10");
        open(1);
        machine.guest().end();
    }

    @Test
    void aRestartBeforeTheLastPageCameGoesOnFetching() throws Exception {
        start();
        keepAt(machine.source(), 0, 200, 8);
        for (long page = 0; page < 200; page++) {
            machine.table().put(page, PageEntry.of(PageState.AT_SOURCE));
        }
        machine.guest().run("believe 0 200 8");
        open(0);
        open(1);
        machine.vm().arrived();
        machine.guest().run("verify 0 50");

        machine.stopDaemon();
        machine.startDaemon();
        machine.awaitShim();

        machine.guest().run("verify 0 200");
        Await.until("the source is forgotten", () -> machine.vm().record().source() == null);
    }
}
