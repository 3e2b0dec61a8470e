package org.splitmem.memory.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.SubHostShare;

/**
 * A VM's life in a simulation: it is filled, migrates while its guest writes and gives memory back, is paged where it has come to, and is gathered
 * again; in the end nothing of it is left anywhere else.
 *
 * @param seed of what the guest does
 * @param backends bytes of each
 * @param filledPages of all
 * @param budgetBytes at the destination
 * @param paused whether the guest's vCPUs stand still from before the migration until after it
 * @param move what kind of migration it is
 */
record Scenario(
        long seed,
        int subHosts,
        List<Long> backends,
        long filledPages,
        long budgetBytes,
        int streams,
        Handover handover,
        FakeHypervisor.Failure failure,
        boolean paused,
        Move move) {
    /** From what to what the migration takes the VM. */
    enum Move {
        /** It is whole, and is split. */
        SPLITS,
        /** It is split, and its main host moves. */
        KEEPS_SUB_HOSTS,
        /** It is split, and is whole at the destination. */
        GATHERS,
        /** It is split between its source and the first sub-host, and then between its destination and the others. */
        CHANGES_SUB_HOSTS
    }

    private static final long MIB = 1L << 20;
    /** By then whoever waits for a dead peer has given up. */
    private static final long MUCH_LATER_NS = 40_000_000_000L;

    /** 28 MiB, nearly all of it in use, of which 16 MiB may be at the destination. */
    static Scenario plain() {
        return new Scenario(
                1,
                1,
                List.of(28 * MIB),
                6_800,
                16 * MIB,
                2,
                Handover.HYBRID,
                FakeHypervisor.Failure.NONE,
                false,
                Move.SPLITS);
    }

    /** One that was split where it started, with two sub-hosts. */
    static Scenario alreadySplit() {
        return alreadySplit(Move.KEEPS_SUB_HOSTS);
    }

    static Scenario alreadySplit(Move move) {
        return new Scenario(
                1,
                2,
                List.of(20 * MIB, 8 * MIB),
                6_800,
                16 * MIB,
                2,
                Handover.HYBRID,
                FakeHypervisor.Failure.NONE,
                false,
                move);
    }

    /** Whether it is split before it migrates. */
    boolean split() {
        return move != Move.SPLITS;
    }

    Scenario failing(FakeHypervisor.Failure how) {
        return new Scenario(seed, subHosts, backends, filledPages, budgetBytes, streams, handover, how, paused, move);
    }

    Scenario withPausedGuest() {
        return new Scenario(seed, subHosts, backends, filledPages, budgetBytes, streams, handover, failure, true, move);
    }

    /** @return true if the guest has come to the destination */
    boolean run(Path directory, Path program, Consumer<Simulation> events) throws Exception {
        try (Simulation sim = new Simulation(directory, subHosts)) {
            SimQemu qemu = start(sim, program);
            if (split()) {
                split(sim);
            }
            events.accept(sim);
            boolean ready = migrate(sim);
            SimQemu there = ready
                    ? new FakeHypervisor(sim, program, Simulation.VM, backends, qemu, failure, paused).migrate(guest())
                    : qemu;
            if (there == null) {
                runsNowhere(sim);
            } else if (there == qemu) {
                staysAtHome(sim, qemu);
            } else {
                livesOn(sim, there);
            }
            sim.requireMigrationsOver();
            sim.awaitOperationsOver();
            boolean came = there != null && there != qemu;
            assertThat(sim.operations(Role.SOURCE, OperationKind.MIGRATE))
                    .as("%s", sim)
                    .allMatch(info -> (info.state() == OperationState.DONE || saysThatItCame(info)) == came);
            assertThat(sim.operations(Role.DESTINATION, OperationKind.RECEIVE))
                    .as("%s", sim)
                    .allMatch(info -> (info.state() == OperationState.DONE) == came);
            return came;
        }
    }

    /** What was to be done at the source afterwards failed. */
    private static boolean saysThatItCame(OperationInfo migration) {
        return String.valueOf(migration.reason())
                .startsWith("the guest is on h2, but h1 could not complete the handover");
    }

    /** The guest is saved to a file, as {@code virsh save} does, when its migration is ready. */
    void save(Path directory, Path program) throws Exception {
        try (Simulation sim = new Simulation(directory, subHosts)) {
            SimQemu qemu = start(sim, program);
            assertThat(migrate(sim)).isTrue();
            qemu.monitor().migration("setup");
            qemu.monitor().migration("active");
            assertThat(qemu.monitor().ignoresShared()).as("RAM is left out").isFalse();
            qemu.pause();
            qemu.monitor().stop();
            qemu.process().run("verify 0 " + pages()); // as QEMU reads all of it
            qemu.monitor().migration("completed");
            qemu.close();
            runsNowhere(sim);
            sim.requireMigrationsOver();
            sim.awaitOperationsOver();
        }
    }

    private static void runsNowhere(Simulation sim) throws Exception {
        SimHost source = sim.host(Role.SOURCE);
        sim.awaitRestarts();
        sim.await("the migration is over", () -> isAt(source.daemon(), MigrationPhase.DONE));
        sim.await("nothing is left anywhere", MUCH_LATER_NS, sim::isClean);
        List<MigrationInfo> known = source.daemon().migrations().list();
        assertThat(known).allMatch(m -> m.phase() == MigrationPhase.ABORTED);
        if (sim.happened().isEmpty()) { // else it may have ended for another reason before
            assertThat(known)
                    .singleElement()
                    .satisfies(m -> assertThat(m.reason()).contains("has ended on h1"));
        }
    }

    private String guest() {
        return "churn 3 40 " + seed + "%d 0 " + filledPages + " 40 5";
    }

    /** What fits its budget, so that the rest gets cold. */
    private String guestInLittle() {
        return "churn 3 40 " + seed + "%d 0 " + Pages.fromBytes(budgetBytes) / 2 + " 40 5";
    }

    private long pages() {
        return Pages.fromBytes(ramBytes());
    }

    private long ramBytes() {
        return backends.stream().mapToLong(Long::longValue).sum();
    }

    private SimQemu start(Simulation sim, Path program) throws Exception {
        SimHost source = sim.host(Role.SOURCE);
        SimQemu qemu = new SimQemu(program, Simulation.VM, source, backends);
        sim.opened(source, qemu);
        sim.await(
                "the shim is connected",
                () -> vm(source).map(vm -> vm.session() != null).orElse(false));
        qemu.process().run("fill 0 " + filledPages + " 1");
        qemu.monitor().resume();
        if (paused) {
            qemu.monitor().stop();
        } else {
            qemu.run(guest());
        }
        return qemu;
    }

    /** It is within its budget, with pages on each sub-host, and goes on paging. */
    private void split(Simulation sim) throws Exception {
        SimHost source = sim.host(Role.SOURCE);
        SimDaemon daemon = source.daemon();
        Vm vm = vm(source).orElseThrow();
        List<SubHostShare> first = move == Move.CHANGES_SUB_HOSTS ? shares(sim).subList(0, 1) : shares(sim);
        SplitRequest request = new SplitRequest("guest", ramBytes(), budgetBytes, first);
        daemon.call(() -> {
            daemon.migrations().splits().split(vm, request);
            return true;
        });
        sim.await(
                "it is within its budget, and a sub-host has pages",
                () -> isWithinBudget(vm) && IntStream.range(0, subHosts).anyMatch(host -> remote(vm, host) > 0));
    }

    private static long remote(Vm vm, int host) {
        var paging = vm.paging();
        return paging == null ? 0 : paging.table().countRemote(host);
    }

    private static List<SubHostShare> shares(Simulation sim) {
        return sim.subHosts().stream()
                .map(host -> new SubHostShare(host.name(), null))
                .toList();
    }

    private static Optional<Vm> vm(SimHost host) throws IOException {
        return Optional.ofNullable(host.daemon().vms().find(Simulation.VM));
    }

    /** @return true once the hypervisor may be asked */
    private boolean migrate(Simulation sim) throws Exception {
        SimHost source = sim.host(Role.SOURCE);
        sim.await("the source's daemon can be asked", () -> canBeAsked(source));
        String destination = sim.host(Role.DESTINATION).name();
        MigrationRequest request = request(sim, destination);
        SimDaemon daemon;
        Vm vm;
        try {
            daemon = source.daemon();
            vm = vm(source).orElseThrow();
        } catch (IOException e) { // of a VM that is split it may be killed before
            return false;
        }
        try {
            daemon.call(() -> daemon.migrations().start(vm, request));
        } catch (IOException e) {
            assertThat(daemon.isDead()).as(e.getMessage()).isTrue();
        }
        sim.await("it is ready, or will never be", () -> daemon.isDead() || isAt(daemon, MigrationPhase.READY));
        if (split()) {
            sim.await(
                    "it is within its budget although it migrates, or does no more",
                    () -> daemon.isDead() || isAt(daemon, MigrationPhase.SWITCHOVER) || isWithinBudget(vm));
            sim.await(
                    "it has given back what it is to",
                    () -> daemon.isDead() || isAt(daemon, MigrationPhase.SWITCHOVER) || sim.isReadyLongEnough());
        }
        return !daemon.isDead() && daemon.migrations().list().get(0).phase() == MigrationPhase.READY;
    }

    /** Of a VM that is split it may just have been killed, and started again. */
    private boolean canBeAsked(SimHost source) {
        try {
            return source.isUp() && vm(source).map(this::isAttached).orElse(false);
        } catch (IOException e) {
            return false;
        }
    }

    private boolean isAttached(Vm vm) {
        return vm.session() != null && (!split() || vm.paging() != null);
    }

    private MigrationRequest request(Simulation sim, String destination) {
        List<SubHostShare> all = shares(sim);
        return switch (move) {
            case SPLITS -> new MigrationRequest(destination, budgetBytes, all, streams, null, handover);
            case KEEPS_SUB_HOSTS -> new MigrationRequest(destination, null, List.of(), streams, null, handover);
            case GATHERS -> new MigrationRequest(destination, ramBytes(), List.of(), streams, null, handover);
            case CHANGES_SUB_HOSTS ->
                new MigrationRequest(destination, null, all.subList(1, all.size()), streams, null, handover);
        };
    }

    private static boolean isAt(SimDaemon daemon, MigrationPhase least) {
        return daemon.migrations().list().stream().allMatch(m -> m.phase().compareTo(least) >= 0);
    }

    // ---- afterwards

    private void staysAtHome(Simulation sim, SimQemu qemu) throws Exception {
        sim.awaitRestarts();
        SimHost source = sim.host(Role.SOURCE);
        sim.await("the VM is at home, and its migration over", () -> {
            giveUp(source.daemon());
            VmRecord.Phase home = split() ? VmRecord.Phase.PAGED : VmRecord.Phase.LOCAL;
            return phase(source) == home && isAt(source.daemon(), MigrationPhase.DONE);
        });
        sim.await("QEMU sends RAM again when it migrates", () -> !qemu.monitor().ignoresShared());
        if (split()) {
            becomesWhole(sim, source, qemu);
        }
        sim.await("nothing is left elsewhere", MUCH_LATER_NS, () -> sim.isCleanBut(source));
        sim.awaitRestarts();
        assertThat(sim.owners()).containsExactly(source.name());
        assertThat(qemu.monitor().isRunning()).isEqualTo(!paused);
        assertThat(source.daemon().migrations().list()).allMatch(m -> m.phase() == MigrationPhase.ABORTED);
        pause(sim, qemu);
        qemu.process().run("verify 0 " + pages());
    }

    /** It is paged as before, and all of it comes back. */
    private void becomesWhole(Simulation sim, SimHost home, SimQemu qemu) throws Exception {
        sim.await("nobody is next to its owner", MUCH_LATER_NS, () -> nobodyIsNext(sim));
        if (!paused) {
            pause(sim, qemu);
            qemu.process().run("verify 0 " + pages());
            qemu.run(guestInLittle());
        }
        sim.await(
                "it is within its budget",
                () -> home.isUp() && vm(home).map(this::isWithinBudget).orElse(false));
        sim.await("its budget has grown", () -> {
            vm(home).orElseThrow().setBudget(ramBytes());
            return home.isUp();
        });
        sim.await("it is whole again", () -> home.isUp() && phase(home) == VmRecord.Phase.LOCAL);
    }

    private static boolean nobodyIsNext(Simulation sim) throws IOException {
        for (SimHost host : sim.subHosts()) {
            if (host.daemon().server().kept().stream()
                    .anyMatch(kept -> kept.store().next() != null)) {
                return false;
            }
        }
        return true;
    }

    /** Whoever asked for the migration gives up once the hypervisor has failed. */
    private static void giveUp(SimDaemon daemon) throws Exception {
        for (MigrationInfo info : daemon.migrations().list()) {
            if (!info.phase().isOver()) {
                try {
                    daemon.call(() -> daemon.migrations().abort(info.id(), "the hypervisor failed"));
                } catch (
                        RefusedException
                                e) { // it comes back by itself; or the daemon lost its QEMU because it was just killed
                    assertThat(e.code().equals("handed-over") || daemon.isDead())
                            .as(e.getMessage())
                            .isTrue();
                }
            }
        }
    }

    private static VmRecord.Phase phase(SimHost host) throws IOException {
        return vm(host).map(vm -> vm.record().phase()).orElse(VmRecord.Phase.LEFT);
    }

    private void livesOn(Simulation sim, SimQemu qemu) throws Exception {
        SimHost destination = sim.host(Role.DESTINATION);
        if (paused) {
            resumeThere(sim, qemu);
        }
        pause(sim, qemu);
        qemu.process().run("verify 0 " + pages());
        qemu.run(guestInLittle());
        sim.awaitRestarts();
        if (move != Move.GATHERS) {
            isPagedThere(sim, qemu);
        }
        sim.await("it is whole again", () -> destination.isUp() && phase(destination) == VmRecord.Phase.LOCAL);
        sim.awaitRestarts();
        sim.await("nothing is left elsewhere", MUCH_LATER_NS, () -> sim.isCleanBut(destination));
        assertThat(sim.owners()).containsExactly(destination.name());
        assertThat(qemu.monitor().isRunning()).isTrue();
        qemu.process().run("verify 0 " + pages());
    }

    /** Until it has room for all of it. */
    private void isPagedThere(Simulation sim, SimQemu qemu) throws Exception {
        SimHost destination = sim.host(Role.DESTINATION);
        SimHost source = sim.host(Role.SOURCE);
        sim.await(
                "it is within its budget",
                () -> destination.isUp()
                        && phase(destination) == VmRecord.Phase.PAGED
                        && vm(destination).map(this::isWithinBudget).orElse(false));
        sim.await(
                "the source has nothing any more",
                () -> source.isUp() && vm(source).isEmpty());
        if (move == Move.CHANGES_SUB_HOSTS) {
            sim.await("its first sub-host has nothing any more", () -> destination.isUp() && hasOnlyOthers(sim));
        }
        pause(sim, qemu);
        qemu.process().run("verify 0 " + pages());
        sim.awaitRestarts();
        sim.await(
                "it is within its budget again: there is something to gather",
                () -> destination.isUp()
                        && vm(destination).map(this::isWithinBudget).orElse(false));
        sim.await("its budget has grown", () -> {
            vm(destination).orElseThrow().setBudget(ramBytes());
            return destination.isUp();
        });
    }

    private static boolean hasOnlyOthers(Simulation sim) throws IOException {
        String first = sim.subHosts().get(0).name();
        return vm(sim.host(Role.DESTINATION))
                .map(vm -> vm.record().lent().stream()
                        .noneMatch(lender -> lender.host().equals(first)))
                .orElse(false);
    }

    /** As the operator does, long after the migration. */
    private void resumeThere(Simulation sim, SimQemu qemu) throws Exception {
        SimHost destination = sim.host(Role.DESTINATION);
        sim.await("it is handed over", () -> phase(destination) == VmRecord.Phase.PAGED);
        sim.await("QEMU sends RAM again when it is saved", () -> !qemu.monitor().ignoresShared());
        qemu.monitor().resume();
        qemu.run(guest());
    }

    /** While the hosts do their upkeep: a page that the guest waits for may depend on it. */
    private static void pause(Simulation sim, SimQemu qemu) throws Exception {
        sim.await("the guest pauses", qemu::pauses);
        qemu.pause();
    }

    private boolean isWithinBudget(Vm vm) {
        var paging = vm.paging();
        return paging != null && paging.table().resident() <= Pages.fromBytes(budgetBytes);
    }
}
