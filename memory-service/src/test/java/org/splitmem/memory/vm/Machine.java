package org.splitmem.memory.vm;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.fault.Arrivals;
import org.splitmem.memory.fault.Pager;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.shim.ShimServer;
import org.splitmem.memory.testing.AnyProcess;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.FakeQemu;
import org.splitmem.memory.testing.Gcc;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.workingset.PageOuter;

/** A main host with one paged VM, whose guest is a fake QEMU, and the hosts that lend to it. All real but the guest. */
final class Machine implements AutoCloseable {
    static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final long ROOM = 1L << 30;

    private final Path directory;
    private final long pages;
    private final List<Lender> lenders = new ArrayList<>();
    private @Nullable Lender source;
    private volatile FaultPoints points = FaultPoints.NONE;
    private boolean isBorn;
    private PagingConfig config = new PagingConfig(new Pager.Tuning(16, 16, 16, 0), 100_000, 1_000_000, 1);
    private List<Long> backends;
    private VmRecord.Phase phase = VmRecord.Phase.PAGED;
    private @Nullable VmRegistry registry;
    private @Nullable ShimServer shims;
    private @Nullable FakeQemu qemu;

    Machine(Path directory, long pages) {
        this.directory = directory;
        this.pages = pages;
        this.backends = List.of(Pages.toBytes(pages));
    }

    /** The RAM in two backends of different lengths. */
    Machine withTwoBackends() {
        long first = Pages.toBytes(pages / 4 + 1);
        backends = List.of(first, Pages.toBytes(pages) - first);
        return this;
    }

    Machine withLenders(String... names) throws Exception {
        for (String name : names) {
            lenders.add(new Lender(name, directory.resolve(name)).reserve(VM, pages, ROOM));
        }
        lenders.forEach(one -> lenders.forEach(one::knows));
        return this;
    }

    /** An incoming VM, sealed, with a source that keeps what it does not have. */
    Machine incoming() throws Exception {
        phase = VmRecord.Phase.INCOMING;
        source = new Lender("source", directory.resolve("source")).reserve(VM, pages, ROOM);
        return this;
    }

    /** Paged from its first page on; how much RAM it has is not known before QEMU maps it. */
    Machine born() {
        isBorn = true;
        return this;
    }

    Machine with(PagingConfig other) {
        config = other;
        return this;
    }

    /** From now on told of each point that its daemon comes to. */
    void tell(FaultPoints told) {
        points = told;
    }

    /** Starts the daemon, and QEMU with all its RAM. */
    Machine start() throws Exception {
        return startWith(vm -> {});
    }

    /** @param prepared told of the VM before QEMU comes */
    Machine startWith(Consumer<Vm> prepared) throws Exception {
        Path program = Gcc.compile("paging/fakeqemu.c", directory.resolve("fakeqemu"));
        startDaemon();
        registry()
                .prepare(new VmRecord(
                        VM,
                        "guest",
                        phase,
                        isBorn ? List.of() : backends,
                        1,
                        -1,
                        lenders.stream().map(Machine::lent).toList(),
                        source == null ? null : lent(source),
                        0,
                        null));
        prepared.accept(vm());
        qemu = FakeQemu.start(program, VM, socket());
        for (long bytes : backends) {
            guest().run("map " + bytes);
        }
        awaitShim();
        return this;
    }

    private static VmRecord.Lender lent(Lender lender) {
        return new VmRecord.Lender(
                lender.name(),
                lender.address().getHostString(),
                lender.address().getPort(),
                Lender.TOKEN,
                ROOM);
    }

    private Path socket() {
        return directory.resolve("shim.sock");
    }

    void startDaemon() throws IOException {
        VmRegistry vms = new VmRegistry(
                directory.resolve("vms"),
                config,
                directory.resolve("qmp"),
                new SplitDefinitions(directory.resolve("splits")),
                point -> points.reached(point));
        vms.recover(vm -> {}, vm -> {});
        registry = vms;
        shims = new ShimServer(socket(), Set.of(0), new AnyProcess(), vms);
        shims.start();
    }

    /** In the order of the real one's end. */
    void stopDaemon() {
        if (shims != null) {
            shims.close();
        }
        registry().stop();
    }

    void awaitShim() throws Exception {
        Await.until("the shim is connected", () -> registry().find(VM) != null && vm().session() != null);
    }

    VmRegistry registry() {
        if (registry == null) {
            throw new IllegalStateException("not started");
        }
        return registry;
    }

    Vm vm() {
        Vm vm = registry().find(VM);
        if (vm == null) {
            throw new AssertionError("the VM is gone");
        }
        return vm;
    }

    Paging paging() {
        Paging paging = vm().paging();
        if (paging == null) {
            throw new AssertionError("the VM is not paged");
        }
        return paging;
    }

    PageTable table() {
        return paging().table();
    }

    FakeQemu guest() {
        if (qemu == null) {
            throw new IllegalStateException("not started");
        }
        return qemu;
    }

    Lender lender(int host) {
        return lenders.get(host);
    }

    Lender source() {
        if (source == null) {
            throw new IllegalStateException("not incoming");
        }
        return source;
    }

    /** The pages' states, counted by the table itself and by looking at each. */
    long count(PageState state) {
        PageTable table = table();
        long found = 0;
        for (long page = 0; page < table.pages(); page++) {
            if (PageEntry.state(table.get(page)) == state) {
                found++;
            }
        }
        return found;
    }

    /**
     * Sends pages out, hot or cold, as housekeeping does with cold ones. Not while housekeeping does, if the guest touches pages: a home has one
     * batch at a time, and an entry does not say of which batch it is.
     *
     * @return pages freed
     */
    long pageOut(long from, long count, int host) throws Exception {
        return pageOut(from, count, host, FaultPoints.NONE);
    }

    long pageOut(long from, long count, int host, FaultPoints points) throws Exception {
        // The kernel wakes the guest when a page is filled, and only then the pager notes that it is.
        Await.until("the last fill is noted", () -> count(PageState.FILLING) == 0);
        Paging p = paging();
        PageOuter outer = new PageOuter(
                p.memory(), p.qemu(), p.table(), p.stats(), p.arrivals().gate(), points);
        long freed = 0;
        long page = from;
        while (page < from + count) {
            outer.begin();
            for (; page < from + count && !outer.isFull(); page++) {
                int entry = p.table().get(page);
                if (PageEntry.state(entry) == PageState.LOCAL) {
                    outer.offer(page, entry, host);
                }
            }
            if (!outer.isEmpty()) {
                freed += outer.finish(host, p.homes().get(host), vm().requireSession());
            }
        }
        return freed;
    }

    /** Asks for remote pages as the pager's read-ahead does, as far as it may. */
    void askFor(long from, long most) {
        Paging p = paging();
        for (long page = from; page < Math.min(pages, from + most); page++) {
            int entry = p.table().get(page);
            int host = PageEntry.home(entry);
            if (PageEntry.state(entry) == PageState.REMOTE
                    && p.homes().get(host).hasRoomToSpare()
                    && p.table().step(page, entry, PageEntry.of(PageState.INCOMING, host))) {
                p.homes().get(host).request(page, Arrivals.NOBODY_WAITS);
            }
        }
    }

    @Override
    public void close() {
        if (qemu != null) {
            qemu.close();
        }
        if (registry != null) {
            stopDaemon();
        }
        lenders.forEach(Lender::close);
        if (source != null) {
            source.close();
        }
    }
}
