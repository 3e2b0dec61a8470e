package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.splitmem.bridge.migration.Cloud.VM;
import static org.splitmem.bridge.migration.Cloud.onHost;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.assertj.core.api.AbstractThrowableAssert;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.daemon.FakeHosts.Mood;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Status;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SubHostShare;

class MigrationServiceTest {
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

    private static AbstractThrowableAssert<?, ?> assertRefused(ThrowingCallable call, String reason) {
        return assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.code()).isEqualTo(reason));
    }

    private Migration started() throws RefusedException {
        return bridge.migrations.start(
                bridge.migrations.plan(onHost("h1"), "h2").id());
    }

    private Status status(Migration migration) throws RefusedException {
        return bridge.migrations.find(migration.id()).status();
    }

    /** The follower had looked at it before. */
    @Test
    void oneThatEndsByAnAbortWhileItIsLookedAtIsAborted() throws Exception {
        Migration migration = started();
        cloud.hosts.before("GET migrations *", () -> {
            cloud.hosts.before("GET migrations *", () -> {});
            abort(migration);
        });

        bridge.follower.step();

        assertThat(status(migration)).isEqualTo(Status.ABORTED);
    }

    private void abort(Migration migration) {
        try {
            bridge.migrations.abort(migration.id());
        } catch (RefusedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aDryRunLeavesRoomForWhatNovaHasNotClaimedYet() throws Exception {
        cloud.placement.host("h2", 511, true);
        assertThat(bridge.migrations.dryRun(onHost("h1"), "h2").outcome()).isEqualTo(Plan.Outcome.SPLIT);

        cloud.placement.host("h2", 512, true);
        assertThat(bridge.migrations.dryRun(onHost("h1"), "h2").outcome()).isEqualTo(Plan.Outcome.WHOLE);

        cloud.placement.claim(VM, "INSTANCE", "h2", 256);
        assertThat(bridge.migrations.dryRun(onHost("h1"), "h2").outcome()).isEqualTo(Plan.Outcome.WHOLE);

        cloud.placement.unclaim(VM);
        cloud.placement.host("h2", 255, true);
        assertThat(bridge.migrations.dryRun(onHost("h1"), "h2").reason()).isEqualTo("no-room");
    }

    @Test
    void theBooksAreExactBeforeDuringAndAfter() throws Exception {
        assertThat(cloud.booked()).isEqualTo(SOURCE);
        Migration migration = started();
        assertThat(cloud.booked()).isEqualTo(BOTH);
        cloud.hosts.phase("h1", MigrationPhase.PRECOPY, "copying");
        bridge.follower.step();
        assertThat(cloud.booked()).isEqualTo(BOTH);

        cloud.hosts.phase("h1", MigrationPhase.DONE, "all pages are in their places");
        bridge.follower.step();

        assertThat(cloud.booked()).isEqualTo(TARGET);
        assertThat(status(migration)).isEqualTo(Status.COMPLETED);
        assertThat(cloud.told).containsExactly("planned {h1=256, h3=256}", "completed DONE", "completed {h3=256}");
    }

    @Test
    void eachEndIsToldOnce() throws Exception {
        String id = bridge.migrations.plan(onHost("h1"), "h2").id();
        bridge.migrations.abort(id);
        bridge.migrations.abort(id);
        cloud.hosts.lends("h3", 100);
        assertRefused(() -> bridge.migrations.plan(onHost("h1"), "h2"), "no-sub-hosts");

        assertThat(cloud.told)
                .filteredOn(told -> told.endsWith("PLANNED"))
                .containsExactly("aborted PLANNED", "failed PLANNED");
    }

    /** The VM is at the destination: so are its bookings, and the reason says what is left at its source. */
    @Test
    void oneThatFailedAfterTheHandoverIsBookedAtItsDestination() throws Exception {
        Migration migration = started();
        String reason = "the guest is on h2, but h1 could not complete the handover: No space left on device";

        cloud.hosts.phase("h1", MigrationPhase.FAILED_AFTER_HANDOVER, reason);
        bridge.follower.step();

        assertThat(cloud.booked()).isEqualTo(TARGET);
        assertThat(status(migration)).isEqualTo(Status.COMPLETED);
        assertThat(bridge.migrations.show(migration.id()).reason()).isEqualTo(reason);
        assertThat(cloud.told).endsWith("completed FAILED_AFTER_HANDOVER", "completed {h3=256}");
    }

    @Test
    void theSourcesDaemonIsAskedForWhatWasPlanned() throws Exception {
        started();

        MigrationInfo asked = cloud.hosts.migrationsFrom("h1").get(0);
        assertThat(asked.destination()).isEqualTo("h2");
        assertThat(asked.budgetBytes()).isEqualTo(256L << 20);
        assertThat(asked.subHosts()).containsExactly(new SubHostShare("h3", 256L << 20));
    }

    @Test
    void aDestinationWithRoomTakesItWhole() throws Exception {
        cloud.placement.host("h2", 300, true);

        Migration migration = bridge.migrations.plan(onHost("h1"), "h2");

        assertThat(migration.subHosts()).isEmpty();
        assertThat(migration.budgetMb()).isEqualTo(512);
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L, "h2", 256L));
    }

    @Test
    void onlyLendersOfTheAggregateAreSubHosts() throws Exception {
        String aggregate = "6f70656e-0000-4000-8000-737461636b21";
        Map<String, String> specs = new HashMap<>(Cloud.SPECS);
        specs.put("splitmem:aggregate", aggregate);
        PlanInput input = new PlanInput(onHost("h1").vm(), specs, null);
        assertRefused(() -> bridge.migrations.plan(input, "h2"), "no-sub-hosts");

        cloud.placement.host("h3", 1000, true, aggregate);

        assertThat(bridge.migrations.plan(input, "h2").subHosts()).isEqualTo(TARGET);
    }

    @Test
    void theSamePlanAgainIsTheSameMigration() throws Exception {
        Migration first = bridge.migrations.plan(onHost("h1"), "h2");

        assertThat(bridge.migrations.plan(onHost("h1"), "h2")).isEqualTo(first);
        bridge.migrations.start(first.id());
        assertThat(bridge.migrations.start(first.id()).status()).isEqualTo(Status.RUNNING);
        assertThat(cloud.hosts.migrationsFrom("h1")).hasSize(1);
    }

    @Test
    void aPlanForAnotherDestinationReplacesOneThatWasNotStarted() throws Exception {
        Migration first = bridge.migrations.plan(onHost("h1"), "h2");

        Migration second = bridge.migrations.plan(onHost("h1"), "h3");

        assertThat(status(first)).isEqualTo(Status.EXPIRED);
        assertThat(second.destination()).isEqualTo("h3");
        assertThat(cloud.booked()).isEqualTo(BOTH);
        bridge.migrations.start(second.id());
        assertRefused(() -> bridge.migrations.plan(onHost("h1"), "h2"), "migration-running");
    }

    @Test
    void withoutSubHostsNothingIsBookedAndTheReasonIsTold() throws Exception {
        cloud.hosts.lends("h3", 100);

        assertRefused(() -> bridge.migrations.plan(onHost("h1"), "h2"), "no-sub-hosts")
                .hasMessage("no sub-hosts for 256 MB of a VM on h2: the 1 that can be used have room for 84 MB");

        assertThat(cloud.booked()).isEqualTo(SOURCE);
        assertThat(bridge.listed(Status.FAILED)).hasSize(1);
    }

    @Test
    void whatOnePlanWasPromisedNoOtherIs() throws Exception {
        cloud.hosts.lends("h3", 400);
        bridge.migrations.plan(onHost("h1"), "h2");

        PlanInput other = new PlanInput(
                new org.splitmem.bridge.store.Vm(new java.util.UUID(0x4000, 7), "db2", "h1", 512, 256, "p", "u"),
                Cloud.SPECS,
                null);

        assertRefused(() -> bridge.migrations.plan(other, "h2"), "no-sub-hosts");
    }

    @Test
    void theEndOfAPlanLeavesTheBookingOfTheNextOneAlone() throws Exception {
        Cloud.Bridge other = cloud.bridge("bridge-2");
        bridge.migrations.plan(onHost("h1"), "h2");
        cloud.pass(Duration.ofMinutes(11));
        cloud.placement.before("GET", Consumers.of(VM), () -> other.migrations.plan(onHost("h1"), "h3"));

        bridge.follower.step();

        assertThat(bridge.listed(Status.PLANNED)).hasSize(1);
        assertThat(cloud.booked()).isEqualTo(BOTH);
    }

    /** As one whose end could not be written to the books. */
    private void somethingIsLeftOn(String host, long mb) {
        cloud.placement.claim(Consumers.of(VM), "SPLITMEM", host, mb);
    }

    @Test
    void whatIsLeftOfAnEarlierPlanIsNotTakenForTheSourcesSide() throws Exception {
        somethingIsLeftOn("h3", 900);

        Migration migration = started();
        assertThat(migration.sourceSide()).isEqualTo(SOURCE);
        assertThat(cloud.booked()).as("there was room for it only without that").isEqualTo(BOTH);

        cloud.hosts.phase("h1", MigrationPhase.ABORTED, "no luck");
        bridge.follower.step();
        assertThat(cloud.booked()).isEqualTo(SOURCE);
    }

    @Test
    void aSourceThatIsNotBookedIsBookedAgain() throws Exception {
        cloud.placement.unclaim(Consumers.of(VM));

        started();

        assertThat(cloud.booked()).isEqualTo(BOTH);
    }

    @Test
    void aVmMayLeaveAHostThatHasTooLittleForIt() throws Exception {
        cloud.placement.unclaim(Consumers.of(VM));
        cloud.placement.host("h1", 200, true);

        started();

        assertThat(cloud.booked()).isEqualTo(TARGET);
    }

    @Test
    void aVmThatIsAboutToBeSplitKeepsWhatItWasPlacedWith() throws Exception {
        bridge.placements.place(onHost("h2")); // to be split, with h1
        cloud.hosts.stops("h1", VM);
        cloud.hosts.runs("h2", VM, 512);

        Migration migration = bridge.migrations.plan(onHost("h2"), "h3");

        assertThat(migration.sourceSide()).isEqualTo(SOURCE);
        assertThat(cloud.booked()).isEqualTo(BOTH);
    }

    @Test
    void theEndOfAPlanLeavesTheBookingOfAStartAlone() throws Exception {
        Cloud.Bridge other = cloud.bridge("bridge-2");
        bridge.migrations.plan(onHost("h1"), "h2");
        cloud.pass(Duration.ofMinutes(11));
        cloud.placement.before("PUT", Consumers.of(VM), () -> other.placements.place(onHost("h3")));

        bridge.follower.step();

        assertThat(cloud.booked()).isEqualTo(TARGET);
    }

    @Test
    void aPlanThatWasBookedThoughPlacementDidNotSaySoIsUndone() {
        cloud.placement.brokenWrites(1);

        assertRefused(() -> bridge.migrations.plan(onHost("h1"), "h2"), "service-failed");

        assertThat(cloud.booked()).isEqualTo(SOURCE);
    }

    @Test
    void aPlanThatIsNotStartedExpiresAfterTenMinutes() throws Exception {
        Migration migration = bridge.migrations.plan(onHost("h1"), "h2");

        cloud.pass(Duration.ofMinutes(9));
        bridge.follower.step();
        assertThat(status(migration)).isEqualTo(Status.PLANNED);
        cloud.pass(Duration.ofMinutes(2));
        bridge.follower.step();

        assertThat(status(migration)).isEqualTo(Status.EXPIRED);
        assertThat(cloud.booked()).isEqualTo(SOURCE);
        assertRefused(() -> bridge.migrations.start(migration.id()), "not-planned");
    }

    @Test
    void anAbortLeavesTheVmAndItsBookingAtTheSource() throws Exception {
        Migration migration = started();
        cloud.hosts.phase("h1", MigrationPhase.PRECOPY, "copying");

        bridge.migrations.abort(migration.id());
        bridge.follower.step();

        assertThat(status(migration)).isEqualTo(Status.ABORTED);
        assertThat(bridge.migrations.find(migration.id()).reason()).isEqualTo("aborted by a request to nova-bridge");
        assertThat(cloud.booked()).isEqualTo(SOURCE);
    }

    @Test
    void anAbortWhileItIsBeingPlannedEndsItOnceItIs() throws Exception {
        cloud.placement.before("PUT", Consumers.of(VM), () -> {
            Migration planning = bridge.listed(Status.PLANNING).get(0);
            assertThat(bridge.migrations.abort(planning.id()).status()).isEqualTo(Status.PLANNING);
        });
        Migration migration = bridge.migrations.plan(onHost("h1"), "h2");

        assertRefused(() -> bridge.migrations.start(migration.id()), "not-planned")
                .hasMessageContaining("to be aborted");
        bridge.follower.step();

        assertThat(status(migration)).isEqualTo(Status.ABORTED);
        assertThat(cloud.booked()).isEqualTo(SOURCE);
        assertThat(cloud.hosts.migrationsFrom("h1")).isEmpty();
    }

    @Test
    void ofAnAbortAndAStartAtOnceNeitherIsLost() throws Exception {
        for (int i = 0; i < 20; i++) {
            Migration migration = bridge.migrations.plan(onHost("h1"), "h2");
            CompletableFuture<Void> start = CompletableFuture.runAsync(() -> {
                try {
                    bridge.migrations.start(migration.id());
                } catch (RefusedException e) {
                    assertThat(e.code()).isEqualTo("not-planned"); // the abort was first
                }
            });
            bridge.migrations.abort(migration.id());
            start.join();
            bridge.follower.step();
            bridge.follower.step();

            assertThat(status(migration)).isEqualTo(Status.ABORTED);
            assertThat(cloud.booked()).isEqualTo(SOURCE);
        }
    }

    @Test
    void anAbortAfterTheHandoverIsRefused() throws Exception {
        Migration migration = started();
        cloud.hosts.phase("h1", MigrationPhase.HANDOVER, "the guest runs at h2");

        assertRefused(() -> bridge.migrations.abort(migration.id()), "handed-over");
    }

    @Test
    void anAbortWhileTheSourceDoesNotAnswerIsDoneOnceItDoes() throws Exception {
        Migration migration = started();
        cloud.hosts.mood("h1", Mood.DOWN);
        bridge.migrations.abort(migration.id());

        cloud.hosts.mood("h1", Mood.WELL);
        bridge.follower.step();
        bridge.follower.step();

        assertThat(status(migration)).isEqualTo(Status.ABORTED);
    }

    @Test
    void forceCompleteIsPassedOn() throws Exception {
        Migration migration = bridge.migrations.plan(onHost("h1"), "h2");
        assertRefused(() -> bridge.migrations.forceComplete(migration.id()), "not-running");

        bridge.migrations.start(migration.id());
        bridge.migrations.forceComplete(migration.id());

        assertThat(cloud.hosts.completions("h1")).isEqualTo(1);
    }

    @Test
    void aDaemonThatRefusesEndsItWithItsWords() throws Exception {
        Migration migration = bridge.migrations.plan(onHost("h1"), "h2");
        cloud.hosts.stops("h1", VM);

        assertRefused(() -> bridge.migrations.start(migration.id()), "refused-by-host")
                .hasMessageContaining("no split-ready VM");

        assertThat(status(migration)).isEqualTo(Status.FAILED);
        assertThat(cloud.booked()).isEqualTo(SOURCE);
    }

    @Test
    void aDaemonThatBeganButDidNotSaySoIsFoundOut() throws Exception {
        Migration migration = bridge.migrations.plan(onHost("h1"), "h2");
        cloud.hosts.mood("h1", Mood.SAYS_ITS_BROKEN);
        assertThat(bridge.migrations.start(migration.id()).status()).isEqualTo(Status.RUNNING);

        cloud.hosts.mood("h1", Mood.WELL);
        bridge.follower.step();

        assertThat(bridge.migrations.find(migration.id()).daemonId())
                .isEqualTo(cloud.hosts.migrationsFrom("h1").get(0).id());
    }

    @Test
    void anotherBridgeCarriesOnWhenOneDies() throws Exception {
        Migration migration = started();
        Cloud.Bridge other = cloud.bridge("bridge-2");
        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");

        other.follower.step();
        assertThat(status(migration)).as("the first bridge's lease").isEqualTo(Status.RUNNING);
        cloud.pass(Duration.ofSeconds(16));
        other.follower.step();

        assertThat(status(migration)).isEqualTo(Status.COMPLETED);
        assertThat(cloud.booked()).isEqualTo(TARGET);
    }

    @Test
    void aSourceThatHasForgottenItLeavesTheAnswerToWhereTheVmRuns() throws Exception {
        Migration failed = started();
        cloud.hosts.forgetMigrations("h1");
        bridge.follower.step();
        assertThat(status(failed)).isEqualTo(Status.FAILED);
        assertThat(cloud.booked()).isEqualTo(SOURCE);

        Migration done = started();
        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");
        cloud.hosts.forgetMigrations("h1");
        bridge.follower.step();
        assertThat(status(done)).isEqualTo(Status.COMPLETED);
        assertThat(cloud.booked()).isEqualTo(TARGET);
    }

    @Test
    void whatHasBeenOverForLongIsForgotten() throws Exception {
        Migration over = bridge.migrations.plan(onHost("h1"), "h2");
        bridge.migrations.abort(over.id());
        cloud.pass(Duration.ofDays(2));
        Migration planned = bridge.migrations.plan(onHost("h1"), "h2");

        bridge.migrations.forget(Duration.ofDays(3));
        assertThat(bridge.listed(null)).hasSize(2);
        bridge.migrations.forget(Duration.ofDays(1));
        cloud.pass(Duration.ofDays(2));
        bridge.migrations.forget(Duration.ofDays(1));

        assertThat(bridge.listed(null)).extracting(Migration::id).containsExactly(planned.id());
    }

    @Test
    void withoutPlacementNothingIsPlannedAndTheErrorSaysSo() {
        cloud.placement.down(true);

        assertRefused(() -> bridge.migrations.plan(onHost("h1"), "h2"), "service-failed")
                .hasMessageContaining("Placement GET")
                .hasMessageContaining("HTTP 503");
    }

    @Test
    void withoutPlacementAtTheEndTheReconcilerBooksLater() throws Exception {
        Migration migration = started();
        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");
        cloud.placement.down(true);
        bridge.follower.step();
        cloud.placement.down(false);
        assertThat(status(migration)).isEqualTo(Status.COMPLETED);
        assertThat(cloud.booked()).isEqualTo(BOTH);

        bridge.reconciler.round();

        assertThat(cloud.booked()).isEqualTo(TARGET);
    }

    @ParameterizedTest
    @CsvSource({
        "splitmem:enabled, false, not-enabled",
        "splitmem:mode, maybe, invalid-extra-spec",
        "splitmem:replicas, 2, replicas-not-supported"
    })
    void wrongExtraSpecsAreRefusedByName(String key, String value, String reason) {
        Map<String, String> specs = new HashMap<>(Cloud.SPECS);
        specs.put(key, value);

        assertRefused(() -> bridge.migrations.plan(new PlanInput(onHost("h1").vm(), specs, null), "h2"), reason)
                .hasMessageContaining(key);
    }
}
