package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.shim.FakeShim;
import org.splitmem.memory.simulation.FakeMonitor;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.SubHostShare;

/** Requests for a VM whose migration has got no further than asking QEMU: QEMU's monitor serves one of them. */
class ClaimsTest {
    private static final String FIRST = "07e40000-0000-4000-8000-00000000000a";
    private static final String SECOND = "07e40000-0000-4000-8000-00000000000b";

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final FakePeers peers = new FakePeers("h2", "h3", "h4");
    private final CountDownLatch qemu = new CountDownLatch(1);
    private MigrationService migrations;
    private VmRegistry vms;
    private FakeShim shim;
    private FakeMonitor monitor;
    private Vm vm;

    @BeforeEach
    void start() throws IOException {
        vms = TestVms.registry(directory);
        vms.recover(found -> {}, takenUp -> {});
        shim = new FakeShim(TestVms.UUID_OF_VM);
        monitor = new FakeMonitor(directory.resolve(TestVms.UUID_OF_VM + ".sock"));
        monitor.answersAfter(qemu);
        vm = vms.prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, 64L << 20));
        vms.ready(shim.session());
        migrations = serviceThatWaits(TimeUnit.MILLISECONDS.toNanos(200));
        peers.waitAt("h2");
        peers.refuse("h2");
    }

    /** @param ns for QEMU, where two requests meet */
    private MigrationService serviceThatWaits(long ns) throws IOException {
        return new MigrationService(
                vms,
                peers,
                TestMigrations.CONFIG,
                TestMigrations.SELF,
                TestMigrations.releases(directory, peers),
                TestMigrations.operations(directory),
                new Claims(ns));
    }

    @AfterEach
    void end() throws Exception {
        qemu.countDown();
        for (MigrationInfo info : migrations.list()) {
            migrations.abort(info.id(), "the test is over");
        }
        peers.answer();
        Await.until(
                "no migration goes on",
                () -> migrations.list().stream().allMatch(info -> info.phase().isOver()));
        shim.close();
        monitor.close();
        vms.stop();
    }

    private static MigrationRequest to(String destination, @Nullable String id) {
        return new MigrationRequest(destination, null, List.of(), null, null, null, id, null);
    }

    private FutureTask<MigrationInfo> starting(MigrationRequest request) {
        FutureTask<MigrationInfo> task = new FutureTask<>(() -> migrations.start(vm, request));
        new Thread(task, "starting " + request.id()).start();
        return task;
    }

    private FutureTask<MigrationInfo> firstAtQemu() throws Exception {
        FutureTask<MigrationInfo> first = starting(to("h2", FIRST));
        Await.until("QEMU is asked", () -> !monitor.asked().isEmpty());
        return first;
    }

    private static <T> T result(FutureTask<T> task) throws Exception {
        return task.get(30, TimeUnit.SECONDS);
    }

    @Test
    void aSecondMigrationDoesNotComeAsFarAsQemu() throws Exception {
        FutureTask<MigrationInfo> first = firstAtQemu();

        RefusedException refusal =
                catchThrowableOfType(RefusedException.class, () -> migrations.start(vm, to("h4", SECOND)));

        assertThat(refusal).isNotNull();
        assertThat(refusal.code()).isEqualTo("vm-migrating");
        assertThat(refusal.refusal().status()).isEqualTo(409);
        assertThat(refusal).hasMessageContaining("to h2").hasMessageContaining(FIRST);
        assertThat(monitor.asked()).containsExactly("qmp_capabilities");
        assertThat(migrations.list()).isEmpty();
        qemu.countDown();
        assertThat(result(first).id()).isEqualTo(FIRST);
    }

    @Test
    void aSecondClaimantIsToldWhoHoldsTheVmWhatForAndSinceWhen() throws Exception {
        Claims claims = new Claims(0);
        Claims.Claim first = claims.claim(vm.uuid(), "db1", Claims.Purpose.SPLIT);

        RefusedException refusal = catchThrowableOfType(
                RefusedException.class, () -> claims.claim(vm.uuid(), "db1", Claims.Purpose.UPKEEP));

        assertThat(refusal).isNotNull();
        assertThat(refusal.code()).isEqualTo("vm-splitting");
        assertThat(refusal).hasMessage("VM db1 is just being split on this host, for 0 s now");
        assertThat(claims.claimAtOnce(vm.uuid(), Claims.Purpose.UPKEEP)).isNull();
        assertThat(claims.isBorrowing(vm.uuid())).isTrue();
        first.close();
        Claims.Claim second = claims.claimAtOnce(vm.uuid(), Claims.Purpose.UPKEEP);
        assertThat(second).isNotNull();
        first.close(); // what is not its own any more
        assertThat(claims.claimAtOnce(vm.uuid(), Claims.Purpose.SPLIT)).isNull();
        assertThat(claims.isBorrowing(vm.uuid())).isFalse();
    }

    @Test
    void aSplitIsRefusedForWhatTheVmIsClaimedFor() throws Exception {
        FutureTask<MigrationInfo> first = firstAtQemu();

        RefusedException refusal = catchThrowableOfType(
                RefusedException.class,
                () -> migrations
                        .splits()
                        .split(vm, new SplitRequest(null, null, 32L << 20, List.of(new SubHostShare("h3", null)))));

        assertThat(refusal).isNotNull();
        assertThat(refusal.code()).isEqualTo("vm-migrating");
        assertThat(refusal).hasMessageContaining(FIRST);
        assertThat(peers.asked()).isEmpty();
        qemu.countDown();
        result(first);
    }

    @Test
    void aRepeatedRequestGetsTheMigrationThatTheFirstBegins() throws Exception {
        migrations = serviceThatWaits(TimeUnit.SECONDS.toNanos(60));
        FutureTask<MigrationInfo> first = firstAtQemu();
        FutureTask<MigrationInfo> again = starting(to("h2", FIRST));

        qemu.countDown();

        assertThat(result(again).id()).isEqualTo(FIRST);
        assertThat(result(first).id()).isEqualTo(FIRST);
        assertThat(migrations.list()).hasSize(1);
    }

    /** As one that may still begin: a caller that took it for refused would give up a migration that goes on. */
    @Test
    void aRepeatedRequestIsAnsweredAlsoWhileQemuDoesNotAnswer() throws Exception {
        FutureTask<MigrationInfo> first = firstAtQemu();

        RefusedException notYet =
                catchThrowableOfType(RefusedException.class, () -> migrations.start(vm, to("h2", FIRST)));

        assertThat(notYet).isNotNull();
        assertThat(notYet.refusal().status()).isEqualTo(503);
        assertThat(first.isDone()).isFalse();
        qemu.countDown();
        result(first);
    }

    @Test
    void aRefusalOfQemuGivesTheVmBack() throws Exception {
        monitor.is(8, 1, "memory-backend-memfd");
        qemu.countDown();

        RefusedException refusal =
                catchThrowableOfType(RefusedException.class, () -> migrations.start(vm, to("h2", FIRST)));

        assertThat(refusal).isNotNull();
        assertThat(refusal.code()).isEqualTo("ram-is-a-memfd");
        monitor.is(7, 2, "memory-backend-file");
        assertThat(migrations.start(vm, to("h2", SECOND)).id()).isEqualTo(SECOND);
    }

    private boolean isStarted(MigrationRequest request) {
        try {
            return migrations.start(vm, request).id().equals(request.id());
        } catch (RefusedException e) {
            return false;
        }
    }

    /** What an earlier daemon left is settled with the QEMU first, or it would undo what the migration sets there. */
    @Test
    void noMigrationBeginsBeforeARestartedDaemonHasSettledWithQemu() throws Exception {
        migrations.takenUp(vm);

        RefusedException refusal =
                catchThrowableOfType(RefusedException.class, () -> migrations.start(vm, to("h2", FIRST)));

        assertThat(refusal).isNotNull();
        assertThat(refusal.code()).isEqualTo("vm-busy");
        qemu.countDown();
        Await.until("it can be started", () -> isStarted(to("h2", SECOND)));
        assertThat(monitor.asked()).contains("migrate-set-capabilities");
    }
}
