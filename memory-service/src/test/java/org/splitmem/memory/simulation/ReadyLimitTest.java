package org.splitmem.memory.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.migration.MigrationConfig;
import org.splitmem.memory.stream.RateLimiter;
import org.splitmem.memory.testing.Gcc;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.SubHostShare;

/** Migrations that the hypervisor never begins. */
@Tag("root")
class ReadyLimitTest {
    private static final long MIB = 1L << 20;
    private static final int READY_S = 1;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @Test
    void aMigrationThatIsNeverBegunIsGivenUpAfterItsLimit() throws Exception {
        Path program = Gcc.compile("paging/fakeqemu.c", directory.resolve("fakeqemu"));
        MigrationConfig config = new MigrationConfig(2, 0, 1, 20, 256, 4, READY_S, 120, 60);
        try (Simulation sim = new Simulation(directory.resolve("sim"), 1, config)) {
            SimHost source = sim.host(Role.SOURCE);
            Vm vm = start(sim, source, program);

            source.daemon().call(() -> source.daemon().migrations().start(vm, toTheDestination(sim)));
            sim.await("it is over", () -> only(source).phase().isOver());

            assertThat(only(source).phase()).isEqualTo(MigrationPhase.ABORTED);
            assertThat(only(source).reason())
                    .contains("it was ready, but the hypervisor has not begun to migrate within " + READY_S
                            + " s (migration.ready-seconds)");
            assertThat(vm.record().phase()).isEqualTo(VmRecord.Phase.LOCAL);
            sim.await("nothing stays reserved", () -> sim.isCleanBut(source));
        }
    }

    /** At that rate a stream's next frame would be due after minutes, and the streams are waited for. */
    @Test
    void aMigrationThatSendsSlowlyIsAbortedAtOnce() throws Exception {
        Path program = Gcc.compile("paging/fakeqemu.c", directory.resolve("fakeqemu"));
        MigrationConfig config = new MigrationConfig(2, 10_000, 1, 20, 256, 4);
        try (Simulation sim = new Simulation(directory.resolve("sim"), 1, config)) {
            SimHost source = sim.host(Role.SOURCE);
            Vm vm = start(sim, source, program);
            source.daemon().call(() -> source.daemon().migrations().start(vm, toTheDestination(sim)));
            sim.await("a stream waits", ReadyLimitTest::isWaitingForTheRate);

            source.daemon()
                    .call(() -> source.daemon().migrations().abort(only(source).id(), "a test"));
            sim.await("it is over", () -> only(source).phase().isOver());

            assertThat(only(source).reason()).isEqualTo("a test");
            sim.await("nothing stays reserved", () -> sim.isCleanBut(source));
            source.daemon().call(() -> source.daemon().migrations().start(vm, toTheDestination(sim)));
            source.daemon()
                    .call(() -> source.daemon().migrations().abort(only(source).id(), "the test is over"));
            sim.await("the next is over", () -> only(source).phase().isOver());
        }
    }

    private static boolean isWaitingForTheRate() {
        return Thread.getAllStackTraces().values().stream()
                .flatMap(Stream::of)
                .anyMatch(frame -> frame.getClassName().equals(RateLimiter.class.getName()));
    }

    private static Vm start(Simulation sim, SimHost source, Path program) throws Exception {
        SimQemu qemu = new SimQemu(program, Simulation.VM, source, List.of(28 * MIB));
        sim.opened(source, qemu);
        sim.await("the shim is connected", () -> {
            Vm vm = source.daemon().vms().find(Simulation.VM);
            return vm != null && vm.session() != null;
        });
        qemu.process().run("fill 0 6800 1");
        qemu.monitor().resume();
        Vm vm = source.daemon().vms().find(Simulation.VM);
        assertThat(vm).isNotNull();
        return vm;
    }

    private static MigrationRequest toTheDestination(Simulation sim) {
        List<SubHostShare> shares =
                List.of(new SubHostShare(sim.host(Role.SUB_HOST).name(), null));
        return new MigrationRequest(sim.host(Role.DESTINATION).name(), 16 * MIB, shares, 2, null, Handover.HYBRID);
    }

    private static MigrationInfo only(SimHost source) throws Exception {
        return source.daemon().migrations().list().get(0);
    }
}
