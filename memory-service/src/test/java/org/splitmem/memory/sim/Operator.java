package org.splitmem.memory.sim;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.splitmem.memory.drain.Lending;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.DrainRequest;
import org.splitmem.model.Handover;
import org.splitmem.model.LendingState;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.SubHostShare;

/** Who asks for operations on the simulated VM, whatever goes wrong meanwhile. */
final class Operator {
    private final World world;
    private final Guest guest;
    private final List<Long> backends;
    private final SplittableRandom random;
    private long budget;

    Operator(World world, Guest guest, List<Long> backends, long budget) {
        this.world = world;
        this.guest = guest;
        this.backends = backends;
        this.budget = budget;
        this.random = world.scheduler().random().split();
    }

    private long ram() {
        return guest.pages() * 4096L;
    }

    SimHost home() {
        return guest.qemu().host();
    }

    private interface Request {
        void ask(SimDaemon daemon, Vm vm) throws Exception;
    }

    /** @return whether it was granted; what is refused while things go wrong may be refused */
    private boolean ask(String what, Request request) throws Exception {
        try {
            SimDaemon daemon = home().daemon();
            Vm vm = daemon.vms().find(World.VM);
            if (vm == null) {
                throw new IOException("no VM yet");
            }
            daemon.call(() -> {
                request.ask(daemon, vm);
                return true;
            });
            world.scheduler().event("operator: " + what + " is granted");
            return true;
        } catch (IOException | RefusedException e) {
            world.scheduler().event("operator: " + what + " is refused: " + e.getMessage());
            return false;
        }
    }

    private static List<SubHostShare> shares(List<SimHost> hosts) {
        return hosts.stream().map(host -> new SubHostShare(host.name(), null)).toList();
    }

    /** Those that the VM may have on a main host: it may be on one of them itself. */
    private List<SimHost> subHostsOf(SimHost main) {
        return world.subHosts().stream().filter(host -> host != main).toList();
    }

    private List<SimHost> someSubHosts(SimHost main) {
        List<SimHost> all = new ArrayList<>(subHostsOf(main));
        while (all.size() > 1 && random.nextBoolean()) {
            all.remove(random.nextInt(all.size()));
        }
        return all;
    }

    /** As little room as is needed, or so much that one of them may take over what another one has. */
    private List<SubHostShare> someShares(SimHost main) {
        List<SimHost> some = someSubHosts(main);
        return random.nextBoolean()
                ? shares(some)
                : some.stream()
                        .map(host -> new SubHostShare(host.name(), ram()))
                        .toList();
    }

    VmRecord.Phase phase() throws IOException {
        return World.phaseOn(home());
    }

    /** Whatever makes sense now. */
    void next() throws Exception {
        int part = guest.pages() / 4;
        int first = random.nextInt(4) * part;
        guest.uses(first, random.nextBoolean() ? guest.pages() - first : part);
        boolean isSplit = phaseNow() == VmRecord.Phase.PAGED;
        switch (random.nextInt(8)) {
            case 0 -> changeBudget();
            case 1 -> drain();
            case 2, 3, 4 -> {
                if (isSplit) {
                    movePages();
                } else {
                    split();
                }
            }
            default -> migrate();
        }
    }

    // ---- operations

    /** Splits it where it is. */
    void split() throws Exception {
        List<SubHostShare> shares = someShares(home());
        if (phaseNow() == VmRecord.Phase.LOCAL) {
            ask(
                    "split",
                    (daemon, vm) ->
                            daemon.migrations().splits().split(vm, new SplitRequest("guest", ram(), budget, shares)));
        }
    }

    /** Asks, until it is granted, that the VM be split as soon as it starts. */
    static void expect(World world, long ram, long budget) {
        SplitRequest request = new SplitRequest("guest", ram, budget, shares(world.subHosts()));
        world.await("it is expected", () -> {
            SimDaemon daemon = world.host(1).daemon();
            try {
                return daemon.call(() -> daemon.expected().request(World.VM, request)) != null;
            } catch (RefusedException e) {
                world.scheduler().event("operator: it is not expected: " + e.getMessage());
                return false;
            }
        });
    }

    private VmRecord.Phase phaseNow() {
        try {
            return phase();
        } catch (IOException e) {
            return VmRecord.Phase.LEFT;
        }
    }

    /** Another budget: pages come back, or go out. */
    void changeBudget() throws Exception {
        long least = Math.min(ram(), 32 * 4096L);
        long wanted = random.nextInt(4) == 0 ? ram() : least + random.nextLong((ram() - least) / 4096 + 1) * 4096;
        if (ask("a budget of " + wanted / 4096 + " pages", (daemon, vm) -> {
            if (vm.record().phase() == VmRecord.Phase.PAGED) {
                vm.setBudget(wanted);
            }
        })) {
            budget = wanted;
        }
    }

    /** One of its sub-hosts is emptied, in favour of a host that has nothing of it, or of its other ones. */
    void movePages() throws Exception {
        Vm vm = home().isUp() ? World.vmOn(home()) : null;
        List<String> lenders = vm == null
                ? List.of()
                : vm.record().lenders().stream().map(VmRecord.Lender::host).toList();
        if (lenders.isEmpty()) {
            return;
        }
        String from = lenders.get(random.nextInt(lenders.size()));
        List<SimHost> others = subHostsOf(home()).stream()
                .filter(host -> !lenders.contains(host.name()))
                .toList();
        List<SubHostShare> to = others.isEmpty() || (lenders.size() > 1 && random.nextInt(4) == 0)
                ? List.of()
                : shares(List.of(others.get(random.nextInt(others.size()))));
        ask(
                "move-pages from " + from + " to " + to,
                (daemon, there) ->
                        daemon.migrations().lenderChanges().empty(there, new MovePagesRequest(from, to, null)));
    }

    /** One of the sub-hosts is to lend nothing any more, or may lend again. */
    void drain() throws Exception {
        List<SimHost> subs = world.subHosts();
        SimHost drained = subs.get(random.nextInt(subs.size()));
        List<SubHostShare> others =
                shares(subs.stream().filter(host -> host != drained).toList());
        boolean again = random.nextInt(3) == 0;
        lending(drained, again ? Lending::cancelDrain : lending -> lending.drain(new DrainRequest(others)));
    }

    private interface Word {
        void say(Lending lending) throws Exception;
    }

    private void lending(SimHost host, Word word) throws Exception {
        try {
            SimDaemon daemon = host.daemon();
            daemon.call(() -> {
                word.say(daemon.lending());
                return true;
            });
            world.scheduler().event("operator: " + host.name() + " lends otherwise from now on");
        } catch (IOException | RefusedException e) {
            world.scheduler().event("operator: " + host.name() + " refuses: " + e.getMessage());
        }
    }

    /** All may lend again. */
    void endDrains() {
        world.await("no host is drained", () -> {
            for (SimHost host : world.subHosts()) {
                SimDaemon daemon = host.daemon();
                if (daemon.drainer().view().state() != LendingState.LENDING) {
                    daemon.call(() -> {
                        daemon.lending().cancelDrain();
                        return true;
                    });
                }
            }
            return true;
        });
    }

    /** Somebody changes his mind while it migrates. */
    private void abortLater(SimHost source) {
        if (random.nextInt(4) == 0) {
            world.later(1 + random.nextLong(200_000_000L), () -> {
                try {
                    giveUp(source.daemon());
                } catch (Exception e) { // it cannot be asked just now, or it is over
                    world.scheduler().event("operator: no abort: " + e.getMessage());
                }
            });
        }
    }

    /** To the other main host, or to a host that keeps pages of it. */
    void migrate() throws Exception {
        SimHost source = home();
        List<SimHost> lenders = phaseNow() == VmRecord.Phase.PAGED && random.nextInt(3) == 0 ? lenders() : List.of();
        SimHost destination = lenders.isEmpty()
                ? world.host(source == world.host(1) ? 2 : 1)
                : lenders.get(random.nextInt(lenders.size()));
        Handover handover = random.nextBoolean() ? Handover.HYBRID : any(Handover.values());
        MigrationRequest request =
                lenders.isEmpty() ? migrationRequest(destination, handover) : toLender(lenders, destination, handover);
        if (!ask("migration " + request, (daemon, vm) -> daemon.migrations().start(vm, request))) {
            return;
        }
        abortLater(source);
        SimDaemon daemon = source.daemonOrNull();
        if (daemon != null) {
            world.await(
                    "it is ready, or will never be",
                    () -> daemon.process().isDead() || areAt(daemon, MigrationPhase.READY));
        }
        boolean isReady = daemon != null
                && !daemon.process().isDead()
                && daemon.migrations().list().stream().anyMatch(one -> one.phase() == MigrationPhase.READY);
        if (isReady) {
            Hypervisor.Failure failure = random.nextInt(3) > 0 ? Hypervisor.Failure.NONE : failure();
            new Hypervisor(world, guest, destination, backends, failure).migrate();
        }
        isSettled(source);
    }

    /** The latest one is the one with the most to be undone. */
    private Hypervisor.Failure failure() {
        return random.nextInt(3) == 0 ? Hypervisor.Failure.RESUMED : any(Hypervisor.Failure.values());
    }

    /** What that keeps moves into its RAM, or to the other sub-hosts, among them those that have nothing yet, or the source. */
    private MigrationRequest toLender(List<SimHost> lenders, SimHost destination, Handover handover) {
        int streams = 1 + random.nextInt(3);
        if (random.nextInt(4) == 0) {
            return new MigrationRequest(destination.name(), ram(), List.of(), streams, null, handover);
        }
        boolean isSwapped = random.nextBoolean();
        List<SubHostShare> subs = world.hosts().stream()
                .filter(host -> host != destination)
                .filter(host -> isSwapped
                        ? host == home() || lenders.contains(host)
                        : subHostsOf(home()).contains(host))
                .map(host -> new SubHostShare(host.name(), lenders.contains(host) ? null : (Long) ram()))
                .toList();
        return new MigrationRequest(destination.name(), null, subs, streams, null, handover);
    }

    private List<SimHost> lenders() throws IOException {
        Vm vm = home().isUp() ? World.vmOn(home()) : null;
        return vm == null
                ? List.of()
                : subHostsOf(home()).stream()
                        .filter(host -> isLenderOf(vm, host))
                        .toList();
    }

    private static boolean isLenderOf(Vm vm, SimHost host) {
        return vm.record().lent().stream().anyMatch(lender -> lender.host().equals(host.name()));
    }

    private MigrationRequest migrationRequest(SimHost destination, Handover handover) {
        List<SubHostShare> subs = someShares(destination);
        int streams = 1 + random.nextInt(3);
        if (phaseNow() != VmRecord.Phase.PAGED) {
            return random.nextInt(4) == 0
                    ? new MigrationRequest(destination.name(), ram(), List.of(), streams, null, handover)
                    : new MigrationRequest(destination.name(), budget, subs, streams, null, handover);
        }
        return switch (random.nextInt(3)) {
            case 0 -> new MigrationRequest(destination.name(), null, List.of(), streams, null, handover);
            case 1 -> new MigrationRequest(destination.name(), ram(), List.of(), streams, null, handover);
            default -> new MigrationRequest(destination.name(), null, subs, streams, null, handover);
        };
    }

    private <T> T any(T[] of) {
        return of[random.nextInt(of.length)];
    }

    private static boolean areAt(SimDaemon daemon, MigrationPhase least) {
        return daemon.migrations().list().stream().allMatch(one -> one.phase().compareTo(least) >= 0);
    }

    /** Whoever asked for the migration gives up once the hypervisor has failed. */
    private void isSettled(SimHost source) {
        boolean isAway = home() != source;
        world.await("the migration is over", () -> {
            SimDaemon daemon = source.daemon();
            if (!isAway) {
                giveUp(daemon);
            }
            VmRecord.Phase there = phase();
            return areAt(daemon, MigrationPhase.DONE)
                    && (there == VmRecord.Phase.LOCAL || there == VmRecord.Phase.PAGED);
        });
    }

    private static void giveUp(SimDaemon daemon) throws Exception {
        for (MigrationInfo info : daemon.migrations().list()) {
            if (!info.phase().isOver()) {
                try {
                    daemon.call(() -> daemon.migrations().abort(info.id(), "the hypervisor failed"));
                } catch (RefusedException e) { // it comes back by itself
                    if (!e.code().equals("handed-over")) {
                        throw e;
                    }
                }
            }
        }
    }

    /** All of it is at home again, and nothing anywhere else. */
    void becomeWhole() {
        guest.uses(0, guest.pages());
        world.await("it is whole", () -> {
            if (phase() == VmRecord.Phase.PAGED) {
                World.vmOn(home()).setBudget(ram());
            }
            return phase() == VmRecord.Phase.LOCAL;
        });
        world.await("nothing is left elsewhere", () -> world.isCleanBut(home()));
        operationsAreOver();
    }

    /** Each that was granted has ended, also those of a daemon that was killed, and says why if it failed. */
    private void operationsAreOver() {
        world.await("no operation is under way", () -> {
            for (SimHost host : world.hosts()) {
                if (!host.daemon().operations().list(false).isEmpty()) {
                    return false;
                }
                host.daemon().operations().list(true).forEach(Operator::saysWhy);
            }
            return true;
        });
    }

    private static void saysWhy(OperationInfo info) {
        if (info.state() != OperationState.DONE && info.reason() == null) {
            throw new AssertionError("an operation does not say why it failed: " + info);
        }
    }
}
