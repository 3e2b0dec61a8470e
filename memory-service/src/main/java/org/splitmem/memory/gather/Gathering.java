package org.splitmem.memory.gather;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.fault.Arrivals;
import org.splitmem.memory.fault.FaultStats;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.stream.RateLimiter;
import org.splitmem.memory.wire.RunList;

/**
 * Fills the room that a split VM has on its main host with pages from its memory servers, at full speed, from all of them at once. What its
 * guest waits for comes on other connections; a page that was asked for here and is touched is asked for there once more. Any thread.
 */
public final class Gathering implements AutoCloseable {
    /** Connections to each server: neither waits while the other's pages are received, checked or written. */
    private static final int LANES = 2;

    /** With a limit, what is asked for at once is this part of a second's worth. */
    private static final long REQUESTS_PER_SECOND = 20;

    private static final long LEAST_REQUEST = 16;
    /** How often one that waits for its turn looks whether that is still wanted. */
    private static final long LOOK_NS = 50_000_000L;

    private final Vm vm;
    private final List<HostGathering> lanes = new ArrayList<>();
    private final LongAdder came = new LongAdder();
    private volatile RateLimiter limiter = new RateLimiter(0);

    private volatile long lastNs;
    private volatile boolean closed;

    // Guarded by this.
    private long firstNs;
    private long cameBefore;
    private boolean begun;
    private long limit;
    private long most = RunList.MAX_PAGES;

    /** Whose pages they are. */
    public interface Vm {
        String name();

        GuestMemory memory();

        QemuMemory qemu();

        PageTable table();

        Arrivals arrivals();

        FaultStats stats();

        FaultPoints points();

        /** Whether there is a memory server of that index. */
        boolean isLender(int host);

        Home home(int index);

        /** Pages for which there is room on its main host at present; none if it is not to be gathered now. */
        long room();

        /** The most that may come from all hosts together; 0: no limit. */
        long bytesPerSecond();
    }

    public Gathering(Vm vm) {
        this.vm = vm;
        for (int host = 0; host < PageEntry.MAX_HOMES; host++) {
            if (vm.isLender(host)) {
                for (int lane = 0; lane < LANES; lane++) {
                    lanes.add(new HostGathering(this, vm, host, lane, LANES));
                }
            }
        }
    }

    /** Goes on with each host that has pages, has not just failed, and is not being asked already. */
    public void follow() {
        limit(vm.bytesPerSecond());
        long nowNs = System.nanoTime();
        lanes.forEach(lane -> lane.follow(nowNs));
    }

    private synchronized void limit(long bytesPerSecond) {
        if (bytesPerSecond != limit) {
            limit = bytesPerSecond;
            limiter = new RateLimiter(bytesPerSecond);
            most = requestPages(bytesPerSecond, lanes.size());
        }
    }

    /**
     * Most pages to ask a memory server for at once.
     *
     * @param bytesPerSecond of all of them together; 0: no limit
     */
    static long requestPages(long bytesPerSecond, int servers) {
        long part = Pages.fromBytes(bytesPerSecond / REQUESTS_PER_SECOND / Math.max(1, servers));
        return bytesPerSecond == 0 ? RunList.MAX_PAGES : Math.max(LEAST_REQUEST, Math.min(part, RunList.MAX_PAGES));
    }

    public boolean isUnderWay() {
        return lanes.stream().anyMatch(HostGathering::isUnderWay);
    }

    /** All are here: says how many came, and in which time, since the first was asked for. @return null if none came */
    public synchronized @Nullable String finish() {
        long pages = came.sum() - cameBefore;
        boolean any = begun && pages > 0;
        begun = false;
        return any ? pages + " pages in " + (lastNs - firstNs) / 1_000 + " us" : null;
    }

    /** Pages that have come this way. */
    public long came() {
        return came.sum();
    }

    /** From which hosts nothing comes at present, and why; null if nothing is known to be wrong. */
    public @Nullable String trouble() {
        return lanes.stream()
                .map(HostGathering::trouble)
                .filter(Objects::nonNull)
                .findFirst()
                .orElse(null);
    }

    String name() {
        return vm.name();
    }

    /** What is claimed for one host takes from the room for the others. */
    synchronized void claim(HostGathering host, RunList pages) {
        if (!begun) {
            begun = true;
            firstNs = System.nanoTime();
            cameBefore = came.sum();
        }
        host.claim(pages, Math.min(most, vm.room()));
    }

    /** Waits until so many may come; not if it has just been broken off, or has another limit. */
    void awaitRate(long pages) {
        RateLimiter by = limiter;
        long startNs = by.reserve(Pages.toBytes(pages), System.nanoTime());
        long leftNs = startNs - System.nanoTime();
        while (leftNs > 0 && !closed && by == limiter && vm.room() > 0) {
            LockSupport.parkNanos(Math.min(leftNs, LOOK_NS));
            leftNs = startNs - System.nanoTime();
        }
    }

    void reached(FaultPoint point) {
        vm.points().reached(point);
    }

    void came(long pages) {
        came.add(pages);
        lastNs = System.nanoTime();
        vm.stats().pageIns.add(pages);
    }

    void damaged(long pages) {
        vm.stats().damaged.add(pages);
    }

    /** What is under way fails, and all threads end. */
    @Override
    public void close() {
        closed = true;
        lanes.forEach(HostGathering::end);
        try {
            for (HostGathering lane : lanes) {
                lane.join();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
