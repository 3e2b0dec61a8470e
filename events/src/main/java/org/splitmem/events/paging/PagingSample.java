package org.splitmem.events.paging;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.splitmem.events.Event;
import org.splitmem.events.PagingEvent;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.VmInfo;

/** The paging event of one VM and interval. Pure. */
public final class PagingSample {
    private static final long STALL_US = 100_000;

    private PagingSample() {}

    /** What a host's daemon said of a VM, and when. */
    public record Reading(String host, Instant at, VmInfo vm) {}

    /**
     * What the VM's paging did between two readings.
     *
     * @param before an earlier reading of the same VM on the same host, of the same epoch
     * @param interval between readings: those of two bridges within the same interval have the same id
     */
    public static Event between(Reading before, Reading now, Duration interval) {
        VmInfo vm = now.vm();
        if (!before.host().equals(now.host())
                || !before.vm().uuid().equals(vm.uuid())
                || before.vm().epoch() != vm.epoch()
                || !before.at().isBefore(now.at())) {
            throw new IllegalArgumentException("no interval: " + before + " to " + now);
        }
        boolean restarted = countsAnew(before.vm(), vm);
        FaultCounts from = restarted ? FaultCounts.NONE : before.vm().faults();
        FaultCounts to = vm.faults();
        LatencyHistogram latency = restarted
                ? vm.pageInHistogram()
                : minus(vm.pageInHistogram(), before.vm().pageInHistogram());
        var data = new PagingEvent(
                vm.uuid(),
                vm.name(),
                now.host(),
                vm.state(),
                vm.epoch(),
                before.at().toEpochMilli(),
                now.at().toEpochMilli(),
                restarted,
                to.pageIns() - from.pageIns(),
                to.pageOuts() - from.pageOuts(),
                to.zeroFills() - from.zeroFills(),
                to.minor() - from.minor(),
                to.readAheadPages() - from.readAheadPages(),
                to.refaults() - from.refaults(),
                latency,
                latency.buckets().isEmpty() ? 0 : latency.longerThan(STALL_US),
                vm.ramBytes(),
                vm.budgetBytes(),
                vm.residentBytes(),
                vm.zeroBytes(),
                vm.remoteBytes(),
                vm.workingSetBytes(),
                0);
        long slot = now.at().toEpochMilli() / interval.toMillis();
        String id = vm.uuid() + "/" + vm.epoch() + "/" + interval.toMillis() + "x" + slot;
        return Event.of(id, PagingEvent.SAMPLE, Event.sourceOfHost(now.host()), now.at(), vm.uuid(), data);
    }

    /** True if the daemon was restarted, or began to page the VM, between the readings: a counter went back. */
    private static boolean countsAnew(VmInfo before, VmInfo now) {
        FaultCounts a = before.faults();
        FaultCounts b = now.faults();
        return b.pageIns() < a.pageIns()
                || b.pageOuts() < a.pageOuts()
                || b.zeroFills() < a.zeroFills()
                || b.minor() < a.minor()
                || b.readAheadPages() < a.readAheadPages()
                || b.refaults() < a.refaults()
                || goesBack(before.pageInHistogram(), now.pageInHistogram());
    }

    private static boolean goesBack(LatencyHistogram before, LatencyHistogram now) {
        return now.count() < before.count()
                || now.buckets().stream().anyMatch(bucket -> bucket.count() < countUpTo(before, bucket.leUs()));
    }

    private static LatencyHistogram minus(LatencyHistogram now, LatencyHistogram before) {
        List<LatencyHistogram.Bucket> buckets = new ArrayList<>();
        for (LatencyHistogram.Bucket bucket : now.buckets()) {
            buckets.add(new LatencyHistogram.Bucket(bucket.leUs(), bucket.count() - countUpTo(before, bucket.leUs())));
        }
        return new LatencyHistogram(now.count() - before.count(), Math.max(0, now.sumUs() - before.sumUs()), buckets);
    }

    private static long countUpTo(LatencyHistogram histogram, long leUs) {
        return histogram.count() == 0 ? 0 : histogram.count() - histogram.longerThan(leUs);
    }
}
