package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.splitmem.bridge.migration.Cloud.VM;
import static org.splitmem.bridge.migration.Cloud.onHost;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.daemon.FakeHosts.Mood;
import org.splitmem.bridge.daemon.FixedDirectory;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Status;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.RefusedException;

/** Migrations of which nothing is heard. */
class UnheardTest {
    private static final Map<String, Long> SOURCE = Map.of("h1", 256L);
    private static final Map<String, Long> TARGET = Map.of("h3", 256L);
    private static final Map<String, Long> BOTH = Map.of("h1", 256L, "h3", 256L);

    private Cloud cloud;
    private Cloud.Bridge bridge;

    @BeforeEach
    void begin() throws Exception {
        cloud = new Cloud();
        bridge = cloud.bridge("bridge-1");
    }

    @AfterEach
    void end() {
        cloud.close();
    }

    private Migration started() throws RefusedException {
        return bridge.migrations.start(
                bridge.migrations.plan(onHost("h1"), "h2").id());
    }

    private Status status(Migration migration) throws RefusedException {
        return bridge.migrations.find(migration.id()).status();
    }

    @Test
    void aSourceThatDoesNotAnswerIsWaitedForTenMinutes() throws Exception {
        Migration migration = started();
        cloud.hosts.mood("h1", Mood.DOWN);
        bridge.follower.step();
        cloud.pass(Duration.ofMinutes(9));
        bridge.follower.step();
        assertThat(bridge.migrations.find(migration.id()).reason()).contains("cannot be followed");
        assertThat(status(migration)).isEqualTo(Status.RUNNING);

        cloud.pass(Duration.ofMinutes(2));
        bridge.follower.step();

        assertThat(status(migration)).isEqualTo(Status.FAILED);
    }

    private Migration givenUpUnheard() throws RefusedException {
        cloud.placement.host("h1", 512, true).claim(VM, "INSTANCE", "h1", 256);
        Migration migration = started();
        cloud.hosts.phase("h1", MigrationPhase.READY, "copied");
        cloud.hosts.mood("h1", Mood.DOWN);
        bridge.follower.step();
        cloud.pass(Duration.ofMinutes(11));
        bridge.follower.step();
        assertThat(status(migration)).isEqualTo(Status.FAILED);
        return migration;
    }

    @Test
    void whatItsSourceHasNotBeenToldOfIsNotForgotten() throws Exception {
        Migration migration = givenUpUnheard();
        cloud.pass(Duration.ofDays(9));

        bridge.migrations.forget(Duration.ofDays(1));

        assertThat(status(migration)).isEqualTo(Status.FAILED);
    }

    @Test
    void whatWasGivenUpUnheardStaysBookedUntilItsSourceIsToldToAbortIt() throws Exception {
        givenUpUnheard();
        bridge.reconciler.round();
        assertThat(cloud.booked()).isEqualTo(BOTH);

        cloud.hosts.mood("h1", Mood.WELL);
        bridge.reconciler.round();
        assertThat(cloud.hosts.migrationsFrom("h1").get(0).phase()).isEqualTo(MigrationPhase.ABORTED);
        bridge.reconciler.round();
        bridge.reconciler.round();

        assertThat(cloud.booked()).isEqualTo(SOURCE);
        assertThat(bridge.store.unheard()).isEmpty();
    }

    @Test
    void whatWasGivenUpUnheardIsReleasedIfNovaHasForgottenTheVm() throws Exception {
        givenUpUnheard();
        cloud.placement.unclaim(VM);

        bridge.reconciler.round();
        assertThat(cloud.booked()).isEqualTo(BOTH);
        bridge.reconciler.round();
        assertThat(cloud.booked()).isEmpty();
    }

    @Test
    void whatWasGivenUpUnheardAndWentOnIsBookedWhereItCameTo() throws Exception {
        givenUpUnheard();
        cloud.hosts.mood("h1", Mood.WELL);
        cloud.hosts.phase("h1", MigrationPhase.HANDOVER, "the guest runs at h2");
        bridge.reconciler.round();
        assertThat(cloud.booked()).isEqualTo(BOTH);

        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");
        bridge.reconciler.round();
        bridge.reconciler.round();

        assertThat(cloud.booked()).isEqualTo(TARGET);
    }

    @Test
    void whatWasGivenUpUnheardBeforeTheDaemonToldItsIdIsAborted() throws Exception {
        Migration migration = bridge.migrations.plan(onHost("h1"), "h2");
        cloud.hosts.mood("h1", Mood.SAYS_ITS_BROKEN);
        bridge.migrations.start(migration.id());
        bridge.follower.step();
        cloud.pass(Duration.ofMinutes(11));
        bridge.follower.step();
        assertThat(status(migration)).isEqualTo(Status.FAILED);

        cloud.hosts.mood("h1", Mood.WELL);
        bridge.reconciler.round();

        assertThat(cloud.hosts.migrationsFrom("h1").get(0).phase()).isEqualTo(MigrationPhase.ABORTED);
    }

    @Test
    void aPlanWhileAnEarlierOneMayGoOnKeepsItsHostsBooked() throws Exception {
        givenUpUnheard();
        cloud.hosts.mood("h1", Mood.WELL);

        assertThat(bridge.migrations.plan(onHost("h1"), "h2").sourceSide()).isEqualTo(BOTH);
    }

    @Test
    void thatNoBridgeListenedIsNoSilenceOfTheSource() throws Exception {
        Migration migration = started();
        cloud.pass(Duration.ofMinutes(11));
        cloud.hosts.mood("h1", Mood.DOWN);
        bridge.follower.step();
        assertThat(status(migration)).isEqualTo(Status.RUNNING);

        cloud.hosts.mood("h1", Mood.WELL);
        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");
        bridge.follower.step();

        assertThat(status(migration)).isEqualTo(Status.COMPLETED);
    }

    @Test
    void aVmThatIsNowhereSinceABridgeListensIsWaitedFor() throws Exception {
        Migration migration = started();
        cloud.pass(Duration.ofMinutes(11));
        cloud.hosts.forgetMigrations("h1");
        cloud.hosts.stops("h1", VM);
        bridge.follower.step();
        assertThat(status(migration)).isEqualTo(Status.RUNNING);

        cloud.hosts.runs("h2", VM, 512);
        bridge.follower.step();

        assertThat(status(migration)).isEqualTo(Status.COMPLETED);
    }

    @Test
    void whatKeptItFromBeingFollowedIsNoReasonOnceItIsHeardOfAgain() throws Exception {
        Migration migration = started();
        cloud.hosts.mood("h1", Mood.DOWN);
        bridge.follower.step();
        assertThat(bridge.migrations.find(migration.id()).reason()).contains("cannot be followed");
        cloud.hosts.mood("h1", Mood.WELL);
        bridge.follower.step();
        assertThat(bridge.migrations.find(migration.id()).reason()).isNull();

        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");
        cloud.hosts.mood("h1", Mood.DOWN);
        bridge.follower.step();
        cloud.hosts.mood("h1", Mood.WELL);
        cloud.hosts.forgetMigrations("h1");
        bridge.follower.step();

        assertThat(status(migration)).isEqualTo(Status.COMPLETED);
        assertThat(bridge.migrations.find(migration.id()).reason()).isEqualTo("it runs on h2");
    }

    @Test
    void aSourceThatHangsIsWaitedForOnceInARoundWhateverMigratesFromIt() throws Exception {
        UUID second = new UUID(0x4000, 7);
        cloud.placement.host("h1", 512, true);
        cloud.placement.claim(Consumers.of(second), "SPLITMEM", "h1", 256);
        cloud.hosts.runs("h1", second, 512);
        PlanInput other = new PlanInput(new Vm(second, "db2", "h1", 512, 256, "p", "u"), Cloud.SPECS, null);
        List<Migration> both = List.of(
                started(),
                bridge.migrations.start(bridge.migrations.plan(other, "h2").id()));
        cloud.hosts.mood("h1", Mood.HANGS);

        try (Daemons impatient =
                new Daemons(new FixedDirectory(cloud.hosts.addresses()), "key", Duration.ofSeconds(1))) {
            cloud.follower(bridge, impatient).step();
            assertThat(cloud.hosts.hanging("h1")).isEqualTo(1);
            cloud.follower(bridge, impatient).step();
            assertThat(cloud.hosts.hanging("h1")).as("in the next round again").isEqualTo(2);
        }

        for (Migration migration : both) {
            assertThat(bridge.migrations.find(migration.id()).reason()).contains("cannot be followed");
            assertThat(status(migration)).isEqualTo(Status.RUNNING);
        }
    }

    @Test
    void aHostThatHangsIsWaitedForByTheFirstPlanOnly() throws Exception {
        cloud.hosts.mood("h3", Mood.HANGS);
        cloud.placement.host("h2", 300, true);
        PlanInput input = onHost("h1");

        try (Daemons impatient =
                new Daemons(new FixedDirectory(cloud.hosts.addresses()), "key", Duration.ofMillis(1500))) {
            Chooser chooser = new Chooser(bridge.client, bridge.rules, impatient, bridge.store, ns -> {});
            for (int i = 0; i < 3; i++) {
                Plan plan = chooser.foresee(input.vm(), "h2", "h1", input.specs(), Map.of(), Set.of());
                assertThat(plan.outcome()).isEqualTo(Plan.Outcome.REFUSED);
            }
        }

        assertThat(cloud.hosts.hanging("h3")).isEqualTo(1);
    }
}
