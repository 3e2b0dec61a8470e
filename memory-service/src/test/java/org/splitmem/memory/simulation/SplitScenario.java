package org.splitmem.memory.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.splitmem.memory.drain.Lending;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.migration.ExpectationFile;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.server.StoreRecord;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.DrainRequest;
import org.splitmem.model.LendRequest;
import org.splitmem.model.LendingState;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.SubHostShare;

/**
 * A VM's life in a simulation on one main host: it is filled, split where it is while its guest writes, paged, and gathered
 * again; in the end nothing of it is left anywhere else.
 */
final class SplitScenario {
    private static final long MIB = 1L << 20;
    private static final long BUDGET = 16 * MIB;
    private static final int FILLED_PAGES = 6_800;
    private static final long MUCH_LATER_NS = 40_000_000_000L;
    /** Of which nearly all is in use. In two backends: nothing may depend on there being one. */
    private static final List<Long> BACKENDS = List.of(20 * MIB, 8 * MIB);

    private static final long RAM = 28 * MIB;

    private final Simulation sim;
    private final SimHost home;
    private final SimQemu qemu;

    private SplitScenario(Simulation sim, SimQemu qemu) {
        this.sim = sim;
        this.home = sim.host(Role.SOURCE);
        this.qemu = qemu;
    }

    private static SimQemu start(Simulation sim, Path program) throws Exception {
        SimHost home = sim.host(Role.SOURCE);
        SimQemu qemu = new SimQemu(program, Simulation.VM, home, BACKENDS);
        sim.opened(home, qemu);
        return qemu;
    }

    private static SplitRequest request(Simulation sim) {
        return request(sim.subHosts());
    }

    private static SplitRequest request(List<SimHost> subHosts) {
        return new SplitRequest(
                "guest",
                RAM,
                BUDGET,
                subHosts.stream()
                        .map(host -> new SubHostShare(host.name(), null))
                        .toList());
    }

    // ---- one that is expected

    /** Of a VM that starts after it was asked for: it is split as soon as it comes. */
    static void runBorn(Path directory, Path program, int subHosts, Consumer<Simulation> events) throws Exception {
        try (Simulation sim = new Simulation(directory, subHosts)) {
            events.accept(sim);
            expect(sim);
            SplitScenario scenario = new SplitScenario(sim, startUntilAccepted(sim, program));
            assertThat(scenario.record().phase()).isEqualTo(VmRecord.Phase.PAGED);
            scenario.fill();
            sim.awaitRestarts();
            scenario.eitherOr();
            sim.await("it is expected no more", () -> expected(sim).isEmpty());
            scenario.isPaged();
            scenario.isGathered();
        }
    }

    /** Of a VM that is split, ends, and is started again by someone that says nothing of a split. */
    static void runAgain(Path directory, Path program, int subHosts, Consumer<Simulation> events) throws Exception {
        try (Simulation sim = new Simulation(directory, subHosts)) {
            SplitScenario first = new SplitScenario(sim, start(sim, program));
            first.fill();
            assertThat(first.split()).isEmpty();
            first.isPaged();
            events.accept(sim);
            first.qemu.exit();

            SplitScenario again = new SplitScenario(sim, startUntilAccepted(sim, program));
            sim.await("the shim is connected", () -> again.vm().orElseThrow().session() != null);
            assertThat(again.record().phase()).isEqualTo(VmRecord.Phase.PAGED);
            again.fill();
            sim.awaitRestarts();
            again.eitherOr();
            again.isPaged();
            again.isGathered();
            again.qemu.exit();

            SplitScenario whole = new SplitScenario(sim, start(sim, program));
            assertThat(whole.record().phase()).isEqualTo(VmRecord.Phase.LOCAL);
        }
    }

    /** A daemon that dies while QEMU attaches fails that QEMU's start: whoever started it tries again. */
    private static SimQemu startUntilAccepted(Simulation sim, Path program) throws Exception {
        for (int attempts = 0; ; attempts++) {
            try {
                return start(sim, program);
            } catch (AssertionError | IOException refused) {
                assertThat(attempts)
                        .as("attempts to start it: %s; %s", refused, sim)
                        .isLessThan(10);
                sim.awaitRestarts();
            }
        }
    }

    /** Of a VM that never comes. */
    static void runForsaken(Path directory, Consumer<Simulation> events) throws Exception {
        try (Simulation sim = new Simulation(directory, 2)) {
            events.accept(sim);
            expect(sim);
            sim.await(
                    "it is expected for long",
                    500_000_000_000L,
                    () -> expected(sim).equals(List.of(Simulation.VM)));
            areReserved(sim);
            sim.await(
                    "it is expected no more",
                    601_000_000_000L,
                    () -> expected(sim).isEmpty());
            sim.awaitRestarts();
            sim.await("nothing is reserved", () -> sim.isCleanBut(sim.host(Role.SOURCE)));
            sim.await("it stays so", () -> expected(sim).isEmpty() && sim.isCleanBut(sim.host(Role.SOURCE)));
        }
    }

    private static List<UUID> expected(Simulation sim) throws IOException {
        return sim.host(Role.SOURCE).daemon().expected().all().stream()
                .map(ExpectationFile.Expected::vm)
                .toList();
    }

    /** Asks until the answer is yes. */
    private static void expect(Simulation sim) throws Exception {
        for (int attempts = 0; !isExpectedNow(sim); attempts++) {
            assertThat(attempts).as("attempts; %s", sim).isLessThan(10);
            sim.awaitRestarts();
        }
        sim.awaitRestarts();
        areReserved(sim);
    }

    private static boolean isExpectedNow(Simulation sim) throws Exception {
        SimDaemon daemon = sim.host(Role.SOURCE).daemon();
        try {
            return daemon.call(() -> daemon.expected().request(Simulation.VM, request(sim))) != null;
        } catch (IOException e) {
            assertThat(daemon.isDead()).as(e.getMessage()).isTrue();
        } catch (RefusedException e) {
            assertThat(e.code()).as(e.getMessage()).isIn("failed", "no-room");
        }
        return false;
    }

    private static void areReserved(Simulation sim) throws Exception {
        sim.await("all sub-hosts have reserved", () -> {
            for (SimHost host : sim.subHosts()) {
                if (host.daemon().server().lentBytes() == 0) {
                    return false;
                }
            }
            return true;
        });
    }

    // ---- one that runs

    /**
     * Runs it.
     *
     * @return why the first request was refused, empty if it was granted; it is repeated until one is
     */
    static Optional<String> run(Path directory, Path program, int subHosts, Consumer<Simulation> events)
            throws Exception {
        try (Simulation sim = new Simulation(directory, subHosts)) {
            SplitScenario scenario = new SplitScenario(sim, start(sim, program));
            scenario.fill();
            events.accept(sim);
            Optional<String> refused = scenario.split();
            sim.awaitRestarts();
            scenario.eitherOr();
            for (int attempts = 0; scenario.record().phase() == VmRecord.Phase.LOCAL; attempts++) {
                assertThat(attempts).as("attempts to split it; %s", sim).isLessThan(10);
                scenario.nothingIsReserved();
                scenario.split();
                sim.awaitRestarts();
            }
            scenario.isPaged();
            scenario.isGathered();
            return refused;
        }
    }

    /** Of a split VM whose sub-hosts change: one is replaced by a host that had nothing of it, and then comes back for another. */
    static void runMoved(Path directory, Path program, Consumer<Simulation> events) throws Exception {
        try (Simulation sim = new Simulation(directory, 3)) {
            SplitScenario scenario = new SplitScenario(sim, start(sim, program));
            SimHost first = sim.subHosts().get(0);
            SimHost second = sim.subHosts().get(1);
            SimHost third = sim.subHosts().get(2);
            scenario.fill();
            scenario.split(request(List.of(first, second)));
            scenario.isWithinBudget();
            events.accept(sim);
            scenario.move(first, third);
            scenario.move(second, first);
            sim.await(
                    "the others lend nothing",
                    MUCH_LATER_NS,
                    () -> second.daemon().server().lentBytes() == 0);
            assertThat(names(scenario.record().lent())).containsExactlyInAnyOrder(first.name(), third.name());
            scenario.isPaged();
            scenario.isGathered();
        }
    }

    /**
     * Of a split VM whose daemon dies when a sub-host is empty and it is noted that this one is to free what it lent; the next daemon is asked at
     * once to keep it.
     *
     * @return why it does not
     */
    static String runLetGo(Path directory, Path program) throws Exception {
        try (Simulation sim = new Simulation(directory, 3)) {
            SplitScenario scenario = new SplitScenario(sim, start(sim, program));
            SimHost first = sim.subHosts().get(0);
            SimHost third = sim.subHosts().get(2);
            scenario.fill();
            scenario.split(request(List.of(first, sim.subHosts().get(1))));
            scenario.isWithinBudget();
            sim.at(FaultPoint.MOVE_RELEASED, sim.killing(Role.SOURCE));
            scenario.beginMove(first, third);
            AtomicReference<String> refusal = new AtomicReference<>();
            sim.await("its next daemon is asked", MUCH_LATER_NS, () -> {
                if (sim.hasDied(Role.SOURCE) && scenario.home.isUp()) {
                    refusal.set(scenario.whyNotKept(first));
                }
                return refusal.get() != null;
            });
            sim.await("the sub-host is let go", () -> first.daemon().server().lentBytes() == 0);
            scenario.isPaged();
            scenario.isGathered();
            return refusal.get();
        }
    }

    /** Empty if it is kept. No host does its upkeep meanwhile. */
    private String whyNotKept(SimHost host) throws Exception {
        Await.until("QEMU is connected again", () -> vm().orElseThrow().session() != null);
        try {
            home.daemon().migrations().lenderChanges().keep(vm().orElseThrow(), host.name());
            return "";
        } catch (RefusedException e) {
            return String.valueOf(e.getMessage());
        }
    }

    /** Of a split VM one of whose sub-hosts is drained, and lends again afterwards. */
    static void runDrained(Path directory, Path program, Consumer<Simulation> events) throws Exception {
        try (Simulation sim = new Simulation(directory, 3)) {
            SplitScenario scenario = new SplitScenario(sim, start(sim, program));
            SimHost first = sim.subHosts().get(0);
            SimHost second = sim.subHosts().get(1);
            SimHost third = sim.subHosts().get(2);
            scenario.fill();
            scenario.split(request(List.of(first, second)));
            scenario.isWithinBudget();
            events.accept(sim);
            scenario.say(
                    first, lending -> lending.drain(new DrainRequest(List.of(new SubHostShare(third.name(), null)))));
            scenario.isLeft(first, LendingState.EMPTY);
            assertThat(names(scenario.record().lent())).containsExactlyInAnyOrder(second.name(), third.name());
            assertThatThrownBy(() -> scenario.reserveAt(first)).hasMessageContaining("splitmem drain h3 --cancel");

            scenario.say(first, Lending::cancelDrain);
            scenario.say(
                    third,
                    lending -> lending.limit(new LendRequest(
                            third.daemon().server().lentBytes() - 1, List.of(new SubHostShare(first.name(), null)))));
            scenario.isLeft(third, LendingState.LENDING);
            assertThat(names(scenario.record().lent())).containsExactlyInAnyOrder(second.name(), first.name());
            scenario.isPaged();
            scenario.isGathered();
        }
    }

    private interface Word {
        void say(Lending lending) throws Exception;
    }

    private void say(SimHost host, Word word) throws Exception {
        qemu.run("churn 3 40 4%d 0 " + FILLED_PAGES + " 40 5");
        SimDaemon daemon = host.daemon();
        daemon.call(() -> {
            word.say(daemon.lending());
            return true;
        });
    }

    /** By the VM, whose guest runs on. */
    private void isLeft(SimHost host, LendingState then) throws Exception {
        sim.await(
                host.name() + " keeps nothing",
                () -> host.daemon().drainer().view().state() == then
                        && host.daemon().server().lentBytes() == 0
                        && !names(vm().orElseThrow().record().lent()).contains(host.name()));
        sim.awaitRestarts();
        assertThat(host.daemon().drainer().view().state()).isEqualTo(then);
        qemu.pause();
        qemu.process().run("verify 0 " + pages());
    }

    private void reserveAt(SimHost host) throws Exception {
        host.daemon().server().reserve(new StoreRecord(new UUID(1, 1), "a token", 1, 16, 65_536, "h1", "h1", false));
    }

    private static List<String> names(List<VmRecord.Lender> lenders) {
        return lenders.stream().map(VmRecord.Lender::host).toList();
    }

    /** While the guest writes, and until the one has nothing any more. */
    private void move(SimHost from, SimHost to) throws Exception {
        qemu.run("churn 3 40 4%d 0 " + FILLED_PAGES + " 40 5");
        beginMove(from, to);
        sim.await(
                from.name() + " is empty, and let go",
                MUCH_LATER_NS,
                () -> !names(vm().orElseThrow().record().lent()).contains(from.name())
                        && from.daemon().server().lentBytes() == 0);
        sim.awaitRestarts();
        qemu.pause();
        qemu.process().run("verify 0 " + pages());
    }

    private void beginMove(SimHost from, SimHost to) throws Exception {
        for (int attempts = 0; !isLeaving(from); attempts++) {
            assertThat(attempts)
                    .as("attempts to empty %s; %s", from.name(), sim)
                    .isLessThan(10);
            empty(from, to);
            sim.awaitRestarts();
        }
    }

    private boolean isLeaving(SimHost host) throws Exception {
        return record().lenders().stream()
                .noneMatch(lender -> lender.host().equals(host.name()) && lender.stage() == null);
    }

    private void empty(SimHost from, SimHost to) throws Exception {
        sim.await("the shim is connected", () -> vm().orElseThrow().session() != null);
        sim.await(
                "what an earlier daemon has begun is given back",
                () -> vm().orElseThrow().record().lenders().stream()
                        .noneMatch(lender -> lender.is(VmRecord.Lender.Stage.COMING)));
        SimDaemon daemon = home.daemon();
        Vm vm = vm().orElseThrow();
        MovePagesRequest request = new MovePagesRequest(from.name(), List.of(new SubHostShare(to.name(), null)), null);
        try {
            daemon.call(() -> {
                daemon.migrations().lenderChanges().empty(vm, request);
                return true;
            });
        } catch (IOException e) {
            assertThat(daemon.isDead()).as(e.getMessage()).isTrue();
        } catch (RefusedException e) {
            assertThat(e.code()).as(e.getMessage()).isIn("failed", "no-room", "vm-busy");
        }
    }

    private void fill() throws Exception {
        sim.await(
                "the shim is connected",
                () -> vm().map(vm -> vm.session() != null).orElse(false));
        qemu.process().run("fill 0 " + FILLED_PAGES + " 1");
        qemu.monitor().resume();
        qemu.run("churn 3 40 1%d 0 " + FILLED_PAGES + " 40 5");
    }

    private Optional<Vm> vm() throws IOException {
        return Optional.ofNullable(home.daemon().vms().find(Simulation.VM));
    }

    private VmRecord.Phase phase() throws IOException {
        return vm().orElseThrow().record().phase();
    }

    /** As soon as it can be asked: page-outs go on in the background, and its daemon may die of one at any time. */
    private VmRecord record() throws Exception {
        AtomicReference<VmRecord> record = new AtomicReference<>();
        sim.await("it can be asked", () -> {
            record.set(vm().orElseThrow().record());
            return true;
        });
        return record.get();
    }

    private long pages() {
        return Pages.fromBytes(RAM);
    }

    /** Why it was not split, empty if it was. */
    private Optional<String> split() throws Exception {
        return split(request(sim));
    }

    private Optional<String> split(SplitRequest request) throws Exception {
        sim.await("the shim is connected", () -> vm().orElseThrow().session() != null);
        SimDaemon daemon = home.daemon();
        Vm vm = vm().orElseThrow();
        try {
            daemon.call(() -> {
                daemon.migrations().splits().split(vm, request);
                return true;
            });
            return Optional.empty();
        } catch (IOException e) {
            assertThat(daemon.isDead()).as(e.getMessage()).isTrue();
            return Optional.of("it died: " + e.getMessage());
        } catch (RefusedException e) {
            assertThat(e.code()).as(e.getMessage()).isIn("failed", "no-room");
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /** Whatever has died: the record says which, and memory servers agree. */
    private void eitherOr() throws Exception {
        sim.await("QEMU is connected again", () -> vm().orElseThrow().session() != null);
        VmRecord record = record();
        if (record.phase() == VmRecord.Phase.PAGED) {
            assertThat(record.lenders()).hasSameSizeAs(sim.subHosts());
            areReserved(sim);
        } else {
            assertThat(record.phase()).isEqualTo(VmRecord.Phase.LOCAL);
            assertThat(record.lenders()).isEmpty();
            assertThat(vm().orElseThrow().paging()).isNull();
        }
        qemu.pause();
        qemu.process().run("verify 0 " + pages());
        qemu.run("churn 3 40 2%d 0 " + FILLED_PAGES + " 40 5");
    }

    private void nothingIsReserved() throws Exception {
        sim.await("nothing is reserved", MUCH_LATER_NS, () -> sim.isCleanBut(home));
    }

    private void isPaged() throws Exception {
        qemu.pause();
        isWithinBudget();
        sim.awaitRestarts();
        VmRecord record = record();
        assertThat(record.phase()).isEqualTo(VmRecord.Phase.PAGED);
        assertThat(record.epoch()).isGreaterThan(1);
        qemu.pause();
        coldPagesAreGivenBack();
        qemu.process().run("verify 0 " + pages());
    }

    private void isWithinBudget() throws Exception {
        qemu.run("churn 3 40 3%d 0 " + Pages.fromBytes(BUDGET) / 2 + " 40 5");
        sim.await("it is within its budget", () -> {
            Vm vm = vm().orElseThrow();
            return vm.paging() != null
                    && vm.paging().table().resident() <= Pages.fromBytes(BUDGET)
                    && vm.session() != null;
        });
    }

    /** Most of which are remote. Whoever dies: in the end they are nowhere. */
    private void coldPagesAreGivenBack() throws Exception {
        long from = Pages.fromBytes(BUDGET) / 2;
        long end = Pages.fromBytes(BACKENDS.get(0));
        sim.await("what the guest gives back is taken", () -> {
            qemu.process().run("discard " + from + " " + (end - from));
            Vm vm = vm().orElseThrow();
            return vm.paging() != null && vm.paging().table().count(PageState.ZERO) >= end - from;
        });
        sim.awaitRestarts();
    }

    private void isGathered() throws Exception {
        sim.awaitRestarts();
        qemu.process().run("fill 0 " + FILLED_PAGES + " 6"); // so that there is something to gather
        sim.await("it is within its budget", () -> {
            Vm vm = vm().orElseThrow();
            return vm.paging() != null && vm.paging().table().resident() <= Pages.fromBytes(BUDGET);
        });
        sim.await("its budget has grown", () -> {
            vm().orElseThrow().setBudget(RAM);
            return home.isUp();
        });
        sim.await("it is whole again", () -> phase() == VmRecord.Phase.LOCAL);
        sim.awaitRestarts();
        nothingIsReserved();
        sim.awaitOperationsOver();
        assertThat(qemu.monitor().isRunning()).isTrue();
        qemu.process().run("verify 0 " + pages());
    }
}
