package org.splitmem.memory.vm;

import static org.splitmem.memory.page.PageState.INCOMING;
import static org.splitmem.memory.page.PageState.REMOTE;

import java.io.IOException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.gather.Gathering;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.shim.DiscardRule;
import org.splitmem.memory.shim.ShimSession;
import org.splitmem.memory.workingset.PageOuter;
import org.splitmem.memory.workingset.WorkingSet;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.MoveInfo;

/**
 * Keeps one paged VM within its budget: samples what it uses, sends the coldest pages out, pulls pages back when the budget
 * grew. One thread per paged VM, which waits for no memory server: {@link Lenders} does.
 */
final class Housekeeping implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Housekeeping.class);
    private static final long SECOND_NS = 1_000_000_000L;
    private static final long TICK_NS = 50_000_000L;
    private static final long TICKS_PER_SECOND = SECOND_NS / TICK_NS;
    /** While there is nothing to do but to sample now and then. A VM may be over its budget for this long before it is seen. */
    private static final long QUIET_TICK_NS = 250_000_000L;
    /** Within the budget the hand comes round once in this many seconds: a wake-up and a few faults for each GiB and second. */
    private static final long QUIET_ROUND_S = 8192;

    private static final long FAILED_PAUSE_NS = 1_000_000_000L;
    private static final long LEAST_ROUND_S = 1;
    /** Pages that the hand passes for each that is over the budget, and in a tick at least. */
    private static final long SCAN_RATIO = 4;

    private static final long LEAST_SCAN = 64;
    /** At most one page in so many of the budget is kept free for arrivals. */
    private static final long MOST_ROOM = 16;

    /** Pages asked for in a tick of a source that has stalled. */
    private static final long SOURCE_BATCH = 256;
    /** Ticks without a page from the source after which the rest is asked for. */
    private static final int STALLED_TICKS = 20;
    /** Ticks between two looks at whether memory servers keep stale pages. */
    private static final int RECONCILE_TICKS = 40;
    /** Ticks of pages that come back between two flushes of drops. */
    private static final int DROP_TICKS = 4;

    private final Vm vm;
    private final Paging paging;
    private final PageTable table;
    private final PagingConfig config;
    private final Pull pull;
    private final WorkingSet workingSet;
    private final PluggedDevices devices;
    private final BulkProgress gatherProgress;
    private final BulkProgress moveProgress;
    private final Thread thread;
    private int tick;
    private long leftAtSource;
    private int stalledTicks;
    private long pageInsBefore;
    private long sampledNs = System.nanoTime();
    private volatile Servers servers;
    /** By those before these servers. */
    private long gatheredBefore;

    private long movedBefore;
    private volatile boolean closed;

    Housekeeping(Vm vm, Paging paging, PagingConfig config, Pull pull) {
        this.vm = vm;
        this.paging = paging;
        this.table = paging.table();
        this.config = config;
        this.pull = pull;
        this.workingSet = new WorkingSet(paging.memory(), table);
        this.devices = new PluggedDevices(vm);
        this.servers = new Servers(vm, paging, pull);
        this.gatherProgress = new BulkProgress(System.nanoTime());
        this.moveProgress = new BulkProgress(System.nanoTime());
        this.thread = new Thread(this::run, "housekeeping-" + vm.uuid());
        thread.setDaemon(true);
    }

    void start() {
        devices.start();
        servers.start();
        thread.start();
    }

    private void run() {
        boolean quiet = false;
        while (!closed) {
            LockSupport.parkNanos(quiet ? QUIET_TICK_NS : TICK_NS);
            paging.stats().pageInLatency().turn(System.nanoTime()); // perhaps nobody asks for what was of late
            try {
                quiet = tick();
            } catch (IOException e) {
                if (!closed) {
                    log.warn("vm={} housekeeping pauses: {}", vm.uuid(), e.getMessage());
                    LockSupport.parkNanos(FAILED_PAUSE_NS);
                }
            } catch (RuntimeException | OutOfMemoryError e) {
                log.error("vm={} housekeeping failed", vm.uuid(), e);
                LockSupport.parkNanos(FAILED_PAUSE_NS);
            }
        }
    }

    /** @return true if nothing is to be done soon */
    private boolean tick() throws IOException {
        followRecord();
        Lenders lenders = servers.lenders();
        fetchFromSourceIfStalled();
        if (!vm.record().isPaged() || lenders.adopt()) {
            vm.settle(); // only now the source may end its streams: a store that is neither adopted nor in use is freed
        }
        followDiscards();
        if (!vm.mayPageOut()) {
            return false; // not ours yet, or a migration counts on the page table
        }
        ShimSession shim = vm.session();
        if (shim == null) {
            return false; // QEMU is about to connect again, or about to end
        }
        long over = table.resident() - vm.budgetPages();
        long excess = over + roomForArrivals();
        if (!devices.allowPageOut(excess > 0)) {
            excess = 0;
        } else if (excess > 0) {
            reclaim(excess - lenders.underWay(), shim);
        } else {
            sampleQuietly(shim);
        }
        gather();
        move();
        if (++tick % RECONCILE_TICKS == 0) {
            lenders.reconcile();
        }
        if (tick % DROP_TICKS == 0) {
            lenders.flushDrops();
        }
        return excess <= 0 && !pull.isOn() && !servers.moving().isUnderWay() && !paging.awaitsSource();
    }

    /** The VM's memory servers may have changed: nothing goes on with the former ones. */
    private void followRecord() {
        Servers before = servers;
        if (before.areOf(vm.record())) {
            return;
        }
        before.close();
        gatheredBefore += before.gathering().came();
        movedBefore += before.moving().moved();
        Servers next = new Servers(vm, paging, pull);
        next.start();
        servers = next;
    }

    /** What its guest gives back is taken once nobody else's pages are in the table; until then it is kept, and QEMU not refused. */
    private void followDiscards() throws IOException {
        ShimSession shim = vm.session();
        if (shim != null && vm.record().isPaged()) {
            boolean mayFree = vm.mayPageOut() && devices.obstacle() == null;
            shim.setDiscards(mayFree ? DiscardRule.ASKED : DiscardRule.IGNORED);
        }
    }

    /** Pages to keep free for those that will have come until the next tick, if it is like the last: or the VM is always over. */
    private long roomForArrivals() {
        long pageIns = paging.stats().pageIns.sum() - gathered(); // what was gathered had room
        long arrived = Math.max(0, pageIns - pageInsBefore);
        pageInsBefore = pageIns;
        boolean isToBeWhole = vm.budgetPages() >= table.pages();
        return isToBeWhole || pull.isOn() ? 0 : Math.min(arrived, vm.budgetPages() / MOST_ROOM);
    }

    /** Within the budget: a little, once a second. */
    private void sampleQuietly(ShimSession shim) throws IOException {
        if (isNewSecond()) {
            long pages = Math.min(config.samplePagesPerSecond(), ceilDiv(table.pages(), QUIET_ROUND_S));
            workingSet.lookBack();
            workingSet.sample(shim, pages);
        }
    }

    private boolean isNewSecond() {
        long nowNs = System.nanoTime();
        if (nowNs - sampledNs < SECOND_NS) {
            return false;
        }
        sampledNs = nowNs;
        return true;
    }

    /**
     * Sends out what the clock hand finds cold. The hand goes as far as the excess asks for: the fewer cold pages it finds, the
     * larger that grows, and the faster it goes. A hand that always went fast would take from a guest that pages the time to touch
     * what it uses, and then take that for cold. It comes round in less than {@link #LEAST_ROUND_S} only for a VM that is far over its
     * budget: one that fetches faster than slow rounds find cold pages would outgrow it.
     */
    private void reclaim(long excess, ShimSession shim) throws IOException {
        if (isNewSecond()) {
            workingSet.lookBack();
        }
        boolean isFarOver = excess > vm.budgetPages() / MOST_ROOM * 2;
        long inRounds = isFarOver ? Long.MAX_VALUE : table.pages() / LEAST_ROUND_S;
        long perSecond = Math.min(config.pressurePagesPerSecond(), inRounds);
        long left = Math.min(ceilDiv(perSecond, TICKS_PER_SECOND), Math.max(excess * SCAN_RATIO, LEAST_SCAN));
        long wanted = excess;
        long endNs = System.nanoTime() + TICK_NS;
        while (left > 0 && wanted > 0 && !closed) {
            LenderHousekeeping lender = servers.lenders().awaitRoom(endNs);
            if (lender == null) {
                return;
            }
            PageOuter batch = lender.batch();
            left -= fill(batch, lender.host(), left, wanted, shim);
            wanted -= batch.offered();
            if (!batch.isEmpty()) {
                lender.send(shim);
            }
        }
    }

    /** @return pages passed */
    private long fill(PageOuter batch, int host, long left, long wanted, ShimSession shim) throws IOException {
        batch.begin();
        try {
            return workingSet.reclaim(shim, left, config.coldAge(), (page, entry) -> {
                if (batch.isFull() || batch.offered() >= wanted) {
                    return false;
                }
                batch.offer(page, entry, host);
                return true;
            });
        } catch (IOException | RuntimeException e) {
            batch.cancel(host);
            throw e;
        }
    }

    private static long ceilDiv(long a, long b) {
        return (a + b - 1) / b;
    }

    /** The source pushes what is still there; if nothing comes any more, this side asks. */
    private void fetchFromSourceIfStalled() {
        long left = table.awaitedFromSource();
        stalledTicks = left > 0 && left == leftAtSource ? stalledTicks + 1 : 0;
        leftAtSource = left;
        if (stalledTicks >= STALLED_TICKS && vm.record().isPaged()) {
            paging.fetchFromSource(SOURCE_BATCH);
            stalledTicks--; // go on at this pace for as long as it is needed
        }
    }

    private long gathered() {
        return gatheredBefore + servers.gathering().came();
    }

    private void gather() {
        long came = Pages.toBytes(gathered());
        if (pull.isOn()) {
            gatherProgress.turn(came, System.nanoTime());
            pullBack(servers.gathering());
        } else {
            gatherProgress.rest(came, System.nanoTime());
            servers.gathering().finish(); // it was broken off
        }
    }

    private void pullBack(Gathering gathering) {
        long turn = pull.turn();
        boolean isSettled = !gathering.isUnderWay()
                && !servers.lenders().areSending(); // asked first: what has left, or been left, since is remote
        boolean isFull = table.count(REMOTE) == 0 || table.resident() >= vm.budgetPages();
        if (isSettled && isFull) {
            pull.end(turn);
            String came = gathering.finish();
            if (came != null) {
                log.info("vm={} gathered {}", vm.uuid(), came);
            }
        } else {
            gathering.follow();
        }
    }

    private void move() {
        long moved = Pages.toBytes(movedBefore + servers.moving().moved());
        if (servers.moving().isUnderWay()) {
            moveProgress.turn(moved, System.nanoTime());
        } else {
            moveProgress.rest(moved, System.nanoTime());
        }
        servers.moving().follow();
    }

    /** What has room comes back. */
    void pull() {
        pull.set(true);
    }

    /** How far the VM is gathered. */
    GatherInfo gathering() {
        long room = Math.max(0, vm.budgetPages() - table.resident());
        long left = Pages.toBytes(Math.min(room, table.count(REMOTE)) + table.count(INCOMING));
        long limit = vm.record().gatherRate();
        return new GatherInfo(
                left,
                gatherProgress.bytesPerSecond(),
                gatherProgress.etaSeconds(left),
                limit == 0 ? null : limit,
                servers.gathering().trouble());
    }

    /** How far a memory server is emptied. */
    MoveInfo move(VmRecord.Lender lender, long left) {
        return new MoveInfo(
                lender.host(),
                left,
                moveProgress.bytesPerSecond(),
                moveProgress.etaSeconds(left),
                lender.moveRate(),
                servers.moving().trouble());
    }

    /** Whether nothing is on a memory server any more that was to be emptied, and nothing will be. Looks at the whole table at most once. */
    boolean isEmpty(int host) {
        return servers.isEmptied(host) && table.countRemote(host) == 0 && !table.names(host);
    }

    /** See {@link PluggedDevices#obstacle}. */
    @Nullable
    String obstacle() {
        return devices.obstacle();
    }

    @Nullable
    Long workingSetBytes() {
        long pages = workingSet.estimatePages();
        return pages < 0 ? null : Pages.toBytes(pages);
    }

    @Override
    public void close() {
        closed = true;
        devices.close();
        LockSupport.unpark(thread);
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        servers.close();
    }
}
