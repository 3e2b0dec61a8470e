package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.splitmem.bridge.migration.Cloud.VM;
import static org.splitmem.bridge.migration.Cloud.onHost;

import java.util.HashMap;
import java.util.Map;
import org.assertj.core.api.AbstractThrowableAssert;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.bridge.store.Status;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.RefusedException;

/** Migrations of a VM that is split already. */
class SplitMovesTest {
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

    /** Its main host moves. What is booked on its sub-hosts is booked once, before, during and after. */
    @Test
    void aSplitVmKeepsItsSubHostsAndTheirBookings() throws Exception {
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 256L));
        cloud.bookOn("h3");

        Migration migration = started();

        bridge.reconciler.round();
        assertThat(cloud.booked()).isEqualTo(TARGET);
        assertThat(migration.subHosts()).isEqualTo(TARGET);
        MigrationInfo asked = cloud.hosts.migrationsFrom("h1").get(0);
        assertThat(asked.subHosts()).isEmpty();
        cloud.hosts.phase("h1", MigrationPhase.DONE, "all pages are in their places");
        bridge.follower.step();
        assertThat(cloud.booked()).isEqualTo(TARGET);
        assertThat(status(migration)).isEqualTo(Status.COMPLETED);
    }

    /** The look at the VM was before that: what is booked for the move is not overwritten. */
    @Test
    void aVmWhosePagesBeginToMoveWhileItIsPlannedStays() throws Exception {
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 272L));
        cloud.bookOn("h3");
        cloud.placement.host("h2", 1000, true);
        bridge.vms.put(
                PlacedVm.running(onHost("h1").vm(), TARGET, cloud.millis()).with(Cloud.SPECS));
        Cloud.Bridge other = cloud.bridge("bridge-2");
        cloud.hosts.drains("h3", true);
        cloud.hosts.after("GET vms *", () -> {
            cloud.hosts.after("GET vms *", () -> {});
            other.drains.step();
        });

        assertRefused(() -> bridge.migrations.plan(onHost("h1"), "h2"), "vm-busy");

        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 256L, "h3", 256L));
        assertThat(bridge.reconciler.round().corrected()).isZero();
    }

    @Test
    void whatASplitVmsSubHostsHaveStaysBookedIfItsMigrationFails() throws Exception {
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 256L));
        cloud.bookOn("h3");
        Migration migration = started();

        cloud.hosts.phase("h1", MigrationPhase.ABORTED, "h2 is gone");
        bridge.follower.step();

        assertThat(cloud.booked()).isEqualTo(TARGET);
        assertThat(status(migration)).isEqualTo(Status.FAILED);
    }

    private void isSplitWithH3() {
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 256L));
        cloud.bookOn("h3");
    }

    /** Both are booked until its sub-host has nothing any more. */
    @Test
    void aSplitVmIsGatheredWhereThereIsRoomForAllOfIt() throws Exception {
        isSplitWithH3();
        cloud.placement.host("h2", 300, true);
        Map<String, Long> both = Map.of("h2", 256L, "h3", 256L);

        Migration migration = started();

        assertThat(migration.reason()).startsWith("512 MB whole on h2: it has 300 MB free; the VM is split");
        assertThat(cloud.booked()).isEqualTo(both);
        MigrationInfo asked = cloud.hosts.migrationsFrom("h1").get(0);
        assertThat(asked.subHosts()).isEmpty();
        assertThat(asked.budgetBytes()).isEqualTo(512L << 20);
        bridge.reconciler.round();
        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");
        bridge.follower.step();
        assertThat(status(migration)).isEqualTo(Status.COMPLETED);
        assertThat(cloud.booked()).as("h3 has pages still").isEqualTo(both);
        assertThat(bridge.reconciler.round().corrected()).isZero();

        cloud.hosts.runs("h2", VM, 512);
        assertThat(bridge.reconciler.round().corrected())
                .as("nothing was wrong")
                .isZero();

        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 256L));
        assertThat(cloud.told).endsWith("moved {h2=256}");
    }

    @Test
    void aSplitVmIsBackWithItsSubHostIfItCouldNotBeGathered() throws Exception {
        isSplitWithH3();
        cloud.placement.host("h2", 300, true);
        Migration migration = started();

        cloud.hosts.phase("h1", MigrationPhase.ABORTED, "no luck");
        bridge.follower.step();

        assertThat(status(migration)).isEqualTo(Status.FAILED);
        assertThat(cloud.booked()).isEqualTo(TARGET);
    }

    @Test
    void aFlavorThatIsAlwaysSplitKeepsItsSubHostsWhereThereIsRoom() throws Exception {
        isSplitWithH3();
        cloud.placement.host("h2", 300, true);
        Map<String, String> specs = new HashMap<>(Cloud.SPECS);
        specs.put("splitmem:mode", "always");

        Migration migration = bridge.migrations.plan(new PlanInput(onHost("h1").vm(), specs, null), "h2");

        assertThat(migration.subHosts()).isEqualTo(TARGET);
        assertThat(cloud.booked()).isEqualTo(TARGET);
        bridge.migrations.start(migration.id());
        assertThat(cloud.hosts.migrationsFrom("h1").get(0).budgetBytes()).isEqualTo(256L << 20);
    }

    /** Its main share alone finds room there, its sub-hosts keep the rest; at its former host both stay booked until it has left. */
    @Test
    void aVmThatIsJustBeingGatheredMayMoveOn() throws Exception {
        isSplitWithH3();
        cloud.hosts.gathers("h1", VM);
        bridge.vms.put(PlacedVm.running(onHost("h1").vm(), TARGET, cloud.millis()));
        bridge.reconciler.round();
        assertThat(cloud.booked()).isEqualTo(BOTH);

        started();

        assertThat(cloud.booked()).isEqualTo(BOTH);
        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");
        bridge.follower.step();
        bridge.reconciler.round();
        assertThat(cloud.booked()).isEqualTo(TARGET);
    }

    @Test
    void aVmWhosePagesJustMoveToAnotherSubHostStays() throws Exception {
        isSplitWithH3();
        cloud.hosts.moves("h1", VM, "h3", "h4", 272);

        assertRefused(() -> bridge.migrations.plan(onHost("h1"), "h2"), "being-emptied");
    }

    @Test
    void thePlanSaysWhichOfTheKeptSubHostsCannotStayAndWhy() throws Exception {
        isSplitWithH3();
        assertThat(bridge.migrations.dryRun(onHost("h1"), "h2").reason()).isEqualTo("no-room");
        cloud.placement.host("h2", 300, true);
        assertThat(bridge.migrations.dryRun(onHost("h1"), "h2").explanation()).containsExactly("h3: keeps 256 MB");

        cloud.placement.traits("h3", "COMPUTE_STATUS_DISABLED");
        assertH3CannotStay("its compute service is disabled");
        cloud.placement.host("h3", 1000, false);
        assertH3CannotStay("its resource provider has no trait CUSTOM_SPLITMEM_SERVER");
        cloud.hosts.drains("h3", true);
        assertH3CannotStay("it is being drained");
    }

    private void assertH3CannotStay(String why) throws RefusedException {
        Plan plan = bridge.migrations.dryRun(onHost("h1"), "h2");
        assertThat(plan.outcome()).isEqualTo(Plan.Outcome.SPLIT);
        assertThat(plan.summary()).contains("h3 keeps its pages, but " + why);
        assertThat(plan.explanation()).containsExactly("h3: keeps 256 MB, but " + why);
    }

    @Test
    void aVmThatWasGatheredSinceItCameIsBookedAtItsSourceWhenItMovesOn() throws Exception {
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 256L));
        cloud.bookOn("h3");
        started();
        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");
        bridge.follower.step();
        cloud.placement.host("h2", 300, true);
        cloud.hosts.runs("h2", VM, 512);

        Migration migration = bridge.migrations.plan(onHost("h2"), "h1");

        assertThat(migration.sourceSide()).isEqualTo(Map.of("h2", 256L));
    }
}
