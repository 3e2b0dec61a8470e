package org.splitmem.bridge.migration;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.daemon.HostReport;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.placement.Provider;
import org.splitmem.bridge.plan.Candidate;
import org.splitmem.bridge.plan.ExtraSpecs;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.plan.Plan.Share;
import org.splitmem.bridge.plan.PlanRequest;
import org.splitmem.bridge.plan.Planner;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.MigrationStore;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.HostInfo;

/** Asks Placement and the daemons how things are, and has the planner decide. Any thread. */
public final class Chooser {
    private static final long MIB = 1L << 20;

    /** What splitmemd asks a sub-host for beyond the share. */
    private static final long DAEMONS_EXTRA_MB = 16;

    /** Hears how long the choice itself took. */
    public interface Timing {
        void planned(long ns);
    }

    private final PlacementClient placement;
    private final Daemons daemons;
    private final MigrationStore migrations;
    private final Timing timing;

    public Chooser(PlacementClient placement, Daemons daemons, MigrationStore migrations, Timing timing) {
        this.placement = placement;
        this.daemons = daemons;
        this.migrations = migrations;
        this.timing = timing;
    }

    /**
     * Chooses for a VM for which Nova has claimed the main share on {@code main}.
     *
     * @param main where it is to run
     * @param source where it runs now; absent for one that starts
     * @param givenUp what is booked for it and will be free with the new booking
     * @param holders hosts that keep pages of it
     */
    Plan choose(
            Vm vm,
            String main,
            @Nullable String source,
            ExtraSpecs specs,
            Map<String, Long> givenUp,
            Set<String> holders)
            throws ServiceException, RefusedException {
        return choose(vm, main, source, specs, givenUp, holders, provider(main).freeMb());
    }

    /** As {@link #choose}, before Nova has claimed anything there, unless the VM is there already. */
    Plan foresee(
            Vm vm,
            String main,
            @Nullable String source,
            ExtraSpecs specs,
            Map<String, Long> givenUp,
            Set<String> holders)
            throws ServiceException, RefusedException {
        Provider provider = provider(main);
        boolean claimed = placement.claimsOn(provider.uuid()).containsKey(vm.instance());
        long freeMb = provider.freeMb() - (claimed ? 0 : vm.mainMb());
        if (freeMb < 0 && !claimed) {
            String why = main + " has " + provider.freeMb() + " MB free, and the main share is " + vm.mainMb() + " MB";
            return new Plan(Plan.Outcome.REFUSED, List.of(), Planner.NO_ROOM, why, List.of());
        }
        return choose(vm, main, source, specs, givenUp, holders, freeMb);
    }

    private Provider provider(String host) throws ServiceException, RefusedException {
        return placement
                .provider(host)
                .orElseThrow(() -> new RefusedException(
                        RefusedException.Kind.CONFLICT,
                        "host-not-found",
                        "Placement has no resource provider of the name " + host));
    }

    private Plan choose(
            Vm vm,
            String main,
            @Nullable String source,
            ExtraSpecs specs,
            Map<String, Long> givenUp,
            Set<String> holders,
            long freeMb)
            throws ServiceException, RefusedException {
        Map<String, HostReport> reports = new TreeMap<>();
        daemons.quickReports().forEach(report -> reports.put(report.host().name(), report));
        HostInfo mainInfo = mainInfo(main, reports);
        PlanRequest request = new PlanRequest(
                main, source, vm.ramMb(), vm.mainMb(), freeMb + givenUp.getOrDefault(main, 0L), specs, holders);
        List<Candidate> candidates = candidates(specs, reports, mainInfo, givenUp);
        long start = System.nanoTime();
        Plan plan = Planner.plan(request, candidates);
        timing.planned(System.nanoTime() - start);
        return plan;
    }

    private static HostInfo mainInfo(String main, Map<String, HostReport> reports) throws RefusedException {
        HostReport report = reports.get(main);
        HostInfo info = report == null ? null : report.info();
        if (info == null) {
            throw new RefusedException(
                    RefusedException.Kind.CONFLICT,
                    "host-not-well",
                    "host " + main + " cannot take the VM: "
                            + (report == null ? "it is not among the hosts of nova-bridge.conf" : report.error()));
        }
        return info;
    }

    private List<Candidate> candidates(
            ExtraSpecs specs, Map<String, HostReport> reports, HostInfo main, Map<String, Long> givenUp)
            throws ServiceException {
        Map<String, Long> promised = promised();
        List<Candidate> candidates = new ArrayList<>();
        for (Provider lender : placement.lenders(specs.aggregate())) {
            HostReport report = reports.get(lender.name());
            HostInfo info = report == null ? null : report.info();
            long lendable = info == null
                    ? 0
                    : info.freeBytes() / MIB - DAEMONS_EXTRA_MB - promised.getOrDefault(lender.name(), 0L);
            candidates.add(new Candidate(
                    lender.name(),
                    lender.freeMb() + givenUp.getOrDefault(lender.name(), 0L),
                    lendable,
                    trouble(report, main),
                    info == null || info.failureDomain() == null ? lender.name() : info.failureDomain(),
                    info == null || info.linkBytesPerSecond() == null ? 0 : info.linkBytesPerSecond(),
                    info == null || info.loadPercent() == null ? 0 : info.loadPercent(),
                    report == null ? 0 : report.latencyUs()));
        }
        return candidates;
    }

    private static @Nullable String trouble(@Nullable HostReport report, HostInfo main) {
        if (report == null) {
            return "not among the hosts of nova-bridge.conf";
        }
        HostInfo info = report.info();
        if (info == null) {
            return report.error();
        }
        return info.protocol() == main.protocol()
                ? null
                : "speaks page protocol " + info.protocol() + ", the main host " + main.protocol();
    }

    /** What plans have been promised that the daemons do not know of yet: they are not started. */
    private Map<String, Long> promised() {
        Map<String, Long> promised = new HashMap<>();
        for (Migration migration : migrations.active()) {
            if (migration.daemonId() == null) {
                migration.subHosts().forEach((host, mb) -> promised.merge(host, mb + DAEMONS_EXTRA_MB, Long::sum));
            }
        }
        return promised;
    }

    /** What a plan books: the shares, or all on the main host. A refusal is thrown. */
    static Map<String, Long> booking(Plan plan, Vm vm, String main) throws RefusedException {
        return switch (plan.outcome()) {
            case WHOLE -> vm.remainderMb() == 0 ? Map.of() : Map.of(main, vm.remainderMb());
            case SPLIT -> {
                Map<String, Long> shares = new TreeMap<>();
                for (Share share : plan.shares()) {
                    shares.put(share.host(), share.mb());
                }
                yield shares;
            }
            case REFUSED ->
                throw new RefusedException(
                        RefusedException.Kind.CONFLICT,
                        plan.reason() == null ? Planner.NO_SUB_HOSTS : plan.reason(),
                        plan.summary());
        };
    }
}
