package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.splitmem.bridge.migration.Cloud.VM;
import static org.splitmem.bridge.migration.Cloud.onHost;

import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.daemon.FakeHosts.Mood;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Status;
import org.splitmem.model.MigrationPhase;

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
}
