package org.splitmem.bridge.migration;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.daemon.HostReport;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.placement.Provider;
import org.splitmem.bridge.plan.Candidate;
import org.splitmem.bridge.plan.CloudRules;
import org.splitmem.bridge.plan.ExtraSpecs;
import org.splitmem.bridge.plan.GroupPolicy;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.plan.Plan.Share;
import org.splitmem.bridge.plan.PlanRequest;
import org.splitmem.bridge.plan.Planner;
import org.splitmem.bridge.plan.SplitPlanner;
import org.splitmem.bridge.rules.RulesReader;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.MigrationStore;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.HostInfo;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** Asks Placement and the daemons how things are, and has the planner decide. Any thread. */
public final class Chooser {
    private static final long MIB = 1L << 20;

    /** What splitmemd asks a sub-host for beyond the share. */
    private static final long DAEMONS_EXTRA_MB = 16;

    private static final String DRAINED = "it is being drained";

    /** Of a host that was deleted while it was being booked. */
    private static final UUID NO_PROVIDER = new UUID(0, 0);

    /** Hears how long the choice itself took. */
    public interface Timing {
        void planned(long ns);
    }

    private final PlacementClient placement;
    private final RulesReader rules;
    private final Daemons daemons;
    private final MigrationStore migrations;
    private final Timing timing;

    public Chooser(
            PlacementClient placement, RulesReader rules, Daemons daemons, MigrationStore migrations, Timing timing) {
        this.placement = placement;
        this.rules = rules;
        this.daemons = daemons;
        this.migrations = migrations;
        this.timing = timing;
    }

    /**
     * A plan, and what it was made by.
     *
     * @param isKeptApart whether the VM must not share hosts with other servers
     */
    record Choice(Plan plan, boolean isKeptApart) {}

    /**
     * Chooses for a VM for which Nova has claimed the main share on {@code main}.
     *
     * @param main where it is to run
     * @param source where it runs now; absent for one that starts
     * @param givenUp what is booked for it and will be free with the new booking
     * @param holders hosts that keep pages of it
     */
    Choice choose(
            Vm vm,
            String main,
            @Nullable String source,
            ExtraSpecs specs,
            Map<String, Long> givenUp,
            Set<String> holders)
            throws ServiceException, RefusedException {
        Provider provider = provider(main);
        return choose(vm, provider, source, specs, givenUp, holders, provider.freeMb());
    }

    /**
     * How a VM migrates that is split, once Nova has claimed the main share on {@code main}.
     *
     * @param shares what its sub-hosts keep; {@code main} may be one of them
     */
    Choice chooseSplit(Vm vm, String main, ExtraSpecs specs, Map<String, Long> shares)
            throws ServiceException, RefusedException {
        Provider provider = provider(main);
        return chooseSplit(vm, provider, specs, shares, provider.freeMb());
    }

    /** As {@link #chooseSplit}, before Nova has claimed anything there. */
    Plan foreseeSplit(Vm vm, String main, ExtraSpecs specs, Map<String, Long> shares)
            throws ServiceException, RefusedException {
        Provider provider = provider(main);
        boolean claimed = placement.claimsOn(provider.uuid()).containsKey(vm.instance());
        long freeMb = provider.freeMb() - (claimed ? 0 : vm.mainMb());
        return freeMb < 0 && !claimed
                ? noRoom(vm, provider)
                : chooseSplit(vm, provider, specs, shares, freeMb).plan();
    }

    private Choice chooseSplit(Vm vm, Provider main, ExtraSpecs specs, Map<String, Long> shares, long freeMb)
            throws ServiceException, RefusedException {
        Map<String, HostReport> reports = reports();
        HostInfo mainInfo = mainInfo(main.name(), reports); // it has to answer
        RulesReader.Reading reading = rules.read(vm.instance(), vm.projectId(), main, specs);
        PlanRequest request = new PlanRequest(
                main.name(), vm.host(), vm.ramMb(), vm.mainMb(), freeMb, specs, reading.rules(), shares.keySet());
        List<Candidate> others = shares.containsKey(main.name())
                ? others(specs, reading, reports, mainInfo, shares.keySet())
                : List.of(); // nothing has to leave a sub-host
        Plan plan = SplitPlanner.plan(request, shares, leaving(shares.keySet(), reports), others);
        return new Choice(plan, reading.rules().group() == GroupPolicy.ANTI_AFFINITY);
    }

    /** Who may take what a sub-host of a VM keeps that is to be emptied. */
    private List<Candidate> others(
            ExtraSpecs specs,
            RulesReader.Reading reading,
            Map<String, HostReport> reports,
            HostInfo main,
            Set<String> subHosts)
            throws ServiceException, RefusedException {
        return candidates(specs, reading, reports, main, Map.of()).stream()
                .filter(candidate -> !subHosts.contains(candidate.name()))
                .toList();
    }

    /**
     * Chooses others for what a sub-host of a VM keeps that is to be emptied.
     *
     * @param main where the VM runs
     * @param mb what is to move
     * @param subHosts all that it has now, that one too
     */
    Choice chooseOthers(Vm vm, String main, ExtraSpecs specs, long mb, Set<String> subHosts)
            throws ServiceException, RefusedException {
        Provider provider = provider(main);
        Map<String, HostReport> reports = reports();
        HostInfo mainInfo = mainInfo(main, reports);
        RulesReader.Reading reading = rules.read(vm.instance(), vm.projectId(), provider, specs);
        List<Candidate> candidates = others(specs, reading, reports, mainInfo, subHosts);
        PlanRequest request = new PlanRequest(
                main,
                null,
                vm.mainMb() + mb,
                vm.mainMb(),
                0,
                specs.further(subHosts.size() - 1),
                reading.rules().whereItRuns(),
                Set.of());
        return new Choice(Planner.plan(request, candidates), reading.rules().group() == GroupPolicy.ANTI_AFFINITY);
    }

    /** Those of a VM's sub-hosts that should not keep anything any more, and why. */
    private Map<String, String> leaving(Set<String> subHosts, Map<String, HostReport> reports) throws ServiceException {
        Set<String> lenders =
                placement.lenders(null).stream().map(Provider::name).collect(Collectors.toSet());
        Set<String> disabled = placement.withTrait(CloudRules.DISABLED);
        Map<String, String> leaving = new TreeMap<>();
        for (String host : subHosts) {
            HostReport report = reports.get(host);
            if (report != null && report.info() != null && isDrained(report.info())) {
                leaving.put(host, DRAINED);
            } else if (!lenders.contains(host)) {
                leaving.put(host, "its resource provider has no trait " + PlacementClient.LENDER);
            } else if (disabled.contains(host)) {
                leaving.put(host, "its compute service is disabled");
            }
        }
        return leaving;
    }

    private static boolean isDrained(HostInfo info) {
        return Boolean.TRUE.equals(info.draining());
    }

    private Map<String, HostReport> reports() {
        Map<String, HostReport> reports = new TreeMap<>();
        daemons.quickReports().forEach(report -> reports.put(report.host().name(), report));
        return reports;
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
            return noRoom(vm, provider);
        }
        return choose(vm, provider, source, specs, givenUp, holders, freeMb).plan();
    }

    private static Plan noRoom(Vm vm, Provider main) {
        String why = main.name() + " has " + main.freeMb() + " MB free, and the main share is " + vm.mainMb() + " MB";
        return new Plan(Plan.Outcome.REFUSED, List.of(), Planner.NO_ROOM, why, List.of());
    }

    private Provider provider(String host) throws ServiceException, RefusedException {
        return placement
                .provider(host)
                .orElseThrow(() -> Refusals.conflict(
                        RefusalCode.HOST_NOT_FOUND.word(), "Placement has no resource provider of the name " + host));
    }

    private Choice choose(
            Vm vm,
            Provider mainProvider,
            @Nullable String source,
            ExtraSpecs specs,
            Map<String, Long> givenUp,
            Set<String> holders,
            long freeMb)
            throws ServiceException, RefusedException {
        String main = mainProvider.name();
        Map<String, HostReport> reports = reports();
        HostInfo mainInfo = mainInfo(main, reports);
        RulesReader.Reading reading = rules.read(vm.instance(), vm.projectId(), mainProvider, specs);
        PlanRequest request = new PlanRequest(
                main,
                source,
                vm.ramMb(),
                vm.mainMb(),
                freeMb + givenUp.getOrDefault(main, 0L),
                specs,
                reading.rules(),
                holders);
        List<Candidate> candidates = candidates(specs, reading, reports, mainInfo, givenUp);
        long start = System.nanoTime();
        Plan plan = Planner.plan(request, candidates);
        timing.planned(System.nanoTime() - start);
        return new Choice(plan, reading.rules().group() == GroupPolicy.ANTI_AFFINITY);
    }

    /**
     * Whether another server of the VM's anti-affinity group has memory by now on a host that was chosen for it: both were planned at once, and
     * neither was booked yet.
     */
    boolean sharesAHost(Vm vm, String main, ExtraSpecs specs, Set<String> subHosts) throws ServiceException {
        Map<String, UUID> uuids = placement.providers();
        RulesReader.Reading reading = rules.read(vm.instance(), vm.projectId(), known(main, uuids), specs);
        return subHosts.stream()
                .map(host -> reading.membership(known(host, uuids)))
                .anyMatch(reading.rules()::isTooManyOfGroup);
    }

    private static Provider known(String host, Map<String, UUID> uuids) {
        return new Provider(uuids.getOrDefault(host, NO_PROVIDER), host, 0, Set.of());
    }

    private static HostInfo mainInfo(String main, Map<String, HostReport> reports) throws RefusedException {
        HostReport report = reports.get(main);
        HostInfo info = report == null ? null : report.info();
        if (info == null) {
            throw Refusals.of(
                    RefusalCode.HOST_NOT_WELL,
                    "host " + main + " cannot take the VM: "
                            + (report == null ? "it " + Daemons.NOT_REGISTERED : report.error()));
        }
        return info;
    }

    private List<Candidate> candidates(
            ExtraSpecs specs,
            RulesReader.Reading reading,
            Map<String, HostReport> reports,
            HostInfo main,
            Map<String, Long> givenUp)
            throws ServiceException, RefusedException {
        Map<String, Long> promised = promised();
        List<Candidate> candidates = new ArrayList<>();
        for (Provider lender : placement.lenders(aggregate(specs.aggregate(), reading))) {
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
                    report == null ? 0 : report.latencyUs(),
                    reading.membership(lender)));
        }
        return candidates;
    }

    private static @Nullable String aggregate(@Nullable String nameOrUuid, RulesReader.Reading reading)
            throws RefusedException {
        if (nameOrUuid == null) {
            return null;
        }
        return reading.aggregate(nameOrUuid)
                .map(UUID::toString)
                .orElseThrow(() -> Refusals.of(
                        RefusalCode.INVALID_EXTRA_SPEC,
                        "extra spec splitmem:aggregate = " + nameOrUuid + ": Nova has no host aggregate of that name"));
    }

    private static @Nullable String trouble(@Nullable HostReport report, HostInfo main) {
        if (report == null) {
            return Daemons.NOT_REGISTERED;
        }
        HostInfo info = report.info();
        if (info == null) {
            return report.error();
        }
        if (isDrained(info)) {
            return DRAINED;
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
                migration.newSubHosts().forEach((host, mb) -> promised.merge(host, mb + DAEMONS_EXTRA_MB, Long::sum));
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
                throw Refusals.conflict(plan.reason() == null ? Planner.NO_SUB_HOSTS : plan.reason(), plan.summary());
        };
    }
}
