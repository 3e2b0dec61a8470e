package org.splitmem.cli.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.splitmem.model.MigrationPhase.ABORTED;
import static org.splitmem.model.MigrationPhase.DONE;
import static org.splitmem.model.MigrationPhase.HANDOVER;
import static org.splitmem.model.MigrationPhase.PLANNED;
import static org.splitmem.model.MigrationPhase.PRECOPY;
import static org.splitmem.model.MigrationPhase.READY;
import static org.splitmem.model.MigrationPhase.SWITCHOVER;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.cli.FakeDaemon;
import org.splitmem.cli.FakeDaemon.Reply;
import org.splitmem.cli.Infos;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.cli.control.ControlException;
import org.splitmem.cli.control.DaemonUnreachableException;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;

@Timeout(30)
class MigrationRunTest {
    private static final MigrationRequest TO_H2 = new MigrationRequest("h2", null, List.of(), null, null, null);
    private static final Route ROUTE = new Route("h2", "qemu+tcp://10.78.0.2/system", "tcp://10.78.0.2");
    private static final String MIGRATE = "migrate " + Infos.UUID + " qemu+tcp://10.78.0.2/system tcp://10.78.0.2";

    private final FakeHypervisor hypervisor = new FakeHypervisor();
    private final Recorder display = new Recorder();
    private FakeDaemon daemon;

    @BeforeEach
    void start() throws IOException {
        daemon = new FakeDaemon().on("POST /v1/vms/vm1/migrations", Reply.ok(Infos.migration(PLANNED)));
    }

    @AfterEach
    void stop() throws IOException {
        daemon.close();
    }

    private MigrationRun run(Duration patience) {
        var pace = new MigrationRun.Pace(Duration.ofMillis(1), patience, Duration.ofMillis(20));
        return new MigrationRun(new ControlClient(daemon.socket()), hypervisor, display, pace);
    }

    private MigrationRun run() {
        return run(Duration.ofSeconds(10));
    }

    /** The daemon answers these phases in turn, the last one for ever. */
    private void phases(MigrationPhase... phases) {
        Queue<MigrationPhase> left = new ConcurrentLinkedQueue<>(List.of(phases));
        daemon.on(
                "GET /v1/migrations/m1",
                body -> Reply.ok(Infos.migration(left.size() > 1 ? left.remove() : left.element(), "as told")));
    }

    /** The daemon stays in this phase until the condition holds, then in the other. */
    private void phaseUntil(MigrationPhase before, BooleanSupplier condition, MigrationPhase after) {
        daemon.on(
                "GET /v1/migrations/m1",
                body -> Reply.ok(Infos.migration(condition.getAsBoolean() ? after : before, "as told")));
    }

    @Test
    void theHypervisorIsAskedOnceAndNotBeforeTheRemainderIsSmall() throws Exception {
        phases(PLANNED, READY, READY, SWITCHOVER, HANDOVER, DONE);

        var outcome = run().run("vm1", TO_H2, ROUTE);

        assertThat(outcome.success()).isTrue();
        assertThat(hypervisor.calls()).containsExactly(MIGRATE);
        assertThat(display.phases).startsWith(PLANNED, PLANNED).endsWith(HANDOVER, DONE);
    }

    @Test
    void theHypervisorIsAskedWhenTheDaemonSaysSo() throws Exception {
        daemon.on(
                "GET /v1/migrations/m1",
                body -> Reply.ok(
                        hypervisor.calls().isEmpty() ? Infos.migration(PRECOPY, null, true) : Infos.migration(DONE)));

        var outcome = run().run("vm1", TO_H2, ROUTE);

        assertThat(outcome.success()).isTrue();
        assertThat(hypervisor.calls()).containsExactly(MIGRATE);
        assertThat(display.phases).doesNotContain(READY);
    }

    /** A daemon that was not started anew after an upgrade. */
    @Test
    void ofAnEarlierDaemonReadyIsEnough() throws Exception {
        Queue<MigrationPhase> left = new ConcurrentLinkedQueue<>(List.of(PRECOPY, PRECOPY, READY));
        daemon.on("GET /v1/migrations/m1", body -> {
            boolean asked = !hypervisor.calls().isEmpty();
            MigrationPhase phase = asked ? DONE : left.size() > 1 ? left.remove() : left.element();
            return Reply.ok(Infos.migration(phase, null, null));
        });

        var outcome = run().run("vm1", TO_H2, ROUTE);

        assertThat(outcome.success()).isTrue();
        assertThat(hypervisor.calls()).containsExactly(MIGRATE);
        assertThat(display.phases).contains(READY);
    }

    @Test
    void aRefusedPlanIsTheDaemonsSentence() {
        daemon.on("POST /v1/vms/vm1/migrations", Reply.error(409, "plan-rejected", "h3 has 1 GiB too little"));

        assertThatExceptionOfType(ControlException.class)
                .isThrownBy(() -> run().run("vm1", TO_H2, ROUTE))
                .withMessage("h3 has 1 GiB too little");
        assertThat(hypervisor.calls()).isEmpty();
    }

    @Test
    void whenTheHypervisorFailsTheMigrationIsAborted() throws Exception {
        hypervisor.failing("libvirt: unable to connect to server at '10.78.0.2:16509'");
        phases(READY);
        daemon.on("DELETE /v1/migrations/m1", Reply.ok(Infos.migration(ABORTED, "asked to")));

        var outcome = run().run("vm1", TO_H2, ROUTE);

        assertThat(outcome.success()).isFalse();
        assertThat(outcome.info().phase()).isEqualTo(ABORTED);
        assertThat(outcome.hypervisorError()).contains("unable to connect");
    }

    @Test
    void aHypervisorThatFailsAfterHandoverDoesNotStopWhatCannotBeStopped() throws Exception {
        hypervisor.failing("libvirt: connection lost");
        phases(READY);
        daemon.on("DELETE /v1/migrations/m1", body -> {
            phases(HANDOVER, DONE);
            return Reply.error(409, "handed-over", "the destination owns the VM");
        });

        var outcome = run().run("vm1", TO_H2, ROUTE);

        assertThat(outcome.info().phase()).isEqualTo(DONE);
        assertThat(outcome.success()).isFalse();
        assertThat(outcome.hypervisorError()).isEqualTo("libvirt: connection lost");
    }

    @Test
    void whenTheDaemonGivesUpTheHypervisorIsStopped() throws Exception {
        hypervisor.takingForEver();
        phaseUntil(READY, () -> !hypervisor.calls().isEmpty(), ABORTED);

        var outcome = run().run("vm1", TO_H2, ROUTE);

        assertThat(outcome.info().reason()).isEqualTo("as told");
        assertThat(outcome.hypervisorError()).isNull();
        assertThat(hypervisor.calls()).containsExactly(MIGRATE, "abort " + Infos.UUID);
    }

    @Test
    void aHypervisorThatMigratesItAllTheSameIsNotPassedOver() throws Exception {
        phaseUntil(READY, () -> !hypervisor.calls().isEmpty(), ABORTED);

        var outcome = run().run("vm1", TO_H2, ROUTE);

        assertThat(outcome.success()).isFalse();
        assertThat(outcome.movedAllTheSame()).isTrue();
    }

    @Test
    void aDaemonThatIsRestartedIsWaitedFor() throws Exception {
        phases(PRECOPY, DONE);
        daemon.on("GET /v1/migrations/m1", body -> {
            phases(PRECOPY, DONE);
            return new Reply(200, "cut short");
        });

        var outcome = run().run("vm1", TO_H2, ROUTE);

        assertThat(outcome.info().phase()).isEqualTo(DONE);
        assertThat(display.notes).singleElement().asString().endsWith("; waiting for it");
    }

    @Test
    void aDaemonThatStaysAwayIsNot() {
        daemon.on("GET /v1/migrations/m1", new Reply(200, "cut short"));

        assertThatExceptionOfType(DaemonUnreachableException.class)
                .isThrownBy(() -> run(Duration.ofMillis(30)).run("vm1", TO_H2, ROUTE));
    }

    @Test
    void aUserWhoLeavesBeforeHandoverLeavesTheVmWhereItWas() throws Exception {
        hypervisor.takingForEver();
        phases(READY);
        daemon.on("DELETE /v1/migrations/m1", Reply.ok(Infos.migration(ABORTED, "asked to")));
        var run = run();
        inBackground(run);
        awaitCall();

        String told = run.abandon();

        assertThat(told).isEqualTo("migration m1 of vm1 aborted: asked to; the VM is still at h1");
        assertThat(hypervisor.calls()).containsExactly(MIGRATE, "abort " + Infos.UUID);
    }

    @Test
    void aUserWhoLeavesAtTheSwitchOverIsToldWhereTheVmRunsThen() throws Exception {
        hypervisor.takingForEver();
        phases(READY);
        daemon.on("DELETE /v1/migrations/m1", body -> {
            phases(SWITCHOVER, SWITCHOVER, HANDOVER);
            return Reply.ok(Infos.migration(SWITCHOVER));
        });
        var run = run();
        inBackground(run);
        awaitCall();

        assertThat(run.abandon()).isEqualTo("migration m1 of vm1 could not be aborted any more: the VM runs at h2");
    }

    @Test
    void aUserWhoLeavesAfterHandoverIsToldThatItGoesOn() throws Exception {
        phaseUntil(READY, () -> !hypervisor.calls().isEmpty(), HANDOVER);
        daemon.on("DELETE /v1/migrations/m1", Reply.error(409, "handed-over", "h2 owns the VM already"));
        var run = run();
        inBackground(run);
        awaitCall();

        assertThat(run.abandon()).isEqualTo("migration m1 of vm1 goes on without this program: h2 owns the VM already");
    }

    @Test
    void aUserWhoLeavesWhileThePlanIsMadeLeavesNoMigrationBehind() throws Exception {
        var asked = new CountDownLatch(1);
        var answer = new CountDownLatch(1);
        daemon.on("POST /v1/vms/vm1/migrations", body -> {
            asked.countDown();
            await(answer);
            return Reply.ok(Infos.migration(PLANNED));
        });
        daemon.on("DELETE /v1/migrations/m1", Reply.ok(Infos.migration(ABORTED, "asked to")));
        phases(PLANNED);
        var run = run();
        inBackground(run);
        await(asked);

        var told = CompletableFuture.supplyAsync(() -> abandon(run));
        answer.countDown();

        assertThat(told.get()).isEqualTo("migration m1 of vm1 aborted: asked to; the VM is still at h1");
    }

    private static String abandon(MigrationRun run) {
        try {
            return run.abandon();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void beforeAndAfterAMigrationThereIsNothingToGiveUp() throws Exception {
        phases(DONE);
        var run = run();
        run.run("vm1", TO_H2, ROUTE);

        assertThat(run.abandon()).isNull();
        assertThat(run().abandon()).isNull();
    }

    private static void inBackground(MigrationRun run) {
        var thread = new Thread(
                () -> {
                    try {
                        run.run("vm1", TO_H2, ROUTE);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                },
                "run");
        thread.setDaemon(true);
        thread.start();
    }

    private void awaitCall() throws InterruptedException {
        await(display.ready);
        while (hypervisor.calls().isEmpty()) {
            Thread.onSpinWait();
        }
    }

    private static final class Recorder implements MigrationDisplay {
        final List<MigrationPhase> phases = new ArrayList<>();
        final List<String> notes = new ArrayList<>();
        final CountDownLatch ready = new CountDownLatch(1);

        @Override
        public void show(MigrationInfo info) {
            phases.add(info.phase());
            if (info.phase() == READY) {
                ready.countDown();
            }
        }

        @Override
        public void note(String text) {
            notes.add(text);
        }
    }
}
