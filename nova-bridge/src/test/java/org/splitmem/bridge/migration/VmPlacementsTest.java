package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.splitmem.bridge.migration.Cloud.VM;
import static org.splitmem.bridge.migration.Cloud.onHost;

import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.daemon.FakeHosts.Mood;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.bridge.store.Status;
import org.splitmem.model.RefusedException;

class VmPlacementsTest {
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

    @Test
    void aVmThatStartsWhereThereIsRoomIsWhole() throws Exception {
        VmPlacements.Placement placement = bridge.placements.place(onHost("h3"));

        assertThat(placement.split()).isFalse();
        assertThat(placement.budgetMb()).isEqualTo(512);
        assertThat(cloud.booked()).isEqualTo(Map.of("h3", 256L));
        assertThat(cloud.hosts.expectedOn("h3", VM)).isEmpty();
    }

    @Test
    void aVmThatStartsWhereThereIsNoRoomIsSplitAndItsHostIsTold() throws Exception {
        VmPlacements.Placement placement = bridge.placements.place(onHost("h2"));

        assertThat(placement.subHosts()).isEqualTo(Map.of("h1", 256L));
        assertThat(placement.budgetMb()).isEqualTo(256);
        assertThat(cloud.booked()).as("what it had on h1 made room there").isEqualTo(Map.of("h1", 256L));
        assertThat(cloud.hosts.expectedOn("h2", VM)).isEqualTo(Map.of("h1", 256L << 20));
    }

    @Test
    void aVmThatStartsElsewhereAfterAllIsNotExpectedAnyMore() throws Exception {
        bridge.placements.place(onHost("h2"));

        bridge.placements.place(onHost("h3"));

        assertThat(cloud.hosts.expectedOn("h2", VM)).isEmpty();
        assertThat(cloud.booked()).isEqualTo(Map.of("h3", 256L));
    }

    /** It goes by what is on record of the VM's former life until the new one is. */
    @Test
    void whatAReconciliationCorrectsWhileItIsPlacedIsBookedAgain() throws Exception {
        bridge.vms.put(PlacedVm.running(onHost("h2").vm(), Map.of("h1", 256L), cloud.millis()));
        cloud.hosts.stops("h1", VM);
        cloud.placement.claim(VM, "INSTANCE", "h2", 256);
        cloud.hosts.drains("h1", true);
        Cloud.Bridge other = cloud.bridge("bridge-2");
        cloud.hosts.before("POST vms split", () -> round(other));

        VmPlacements.Placement placement = bridge.placements.place(onHost("h2"));

        assertThat(cloud.booked()).isEqualTo(placement.subHosts());
    }

    private static void round(Cloud.Bridge bridge) {
        try {
            bridge.reconciler.round();
        } catch (ServiceException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aHostThatCannotBeToldLeavesTheOldBooking() {
        cloud.hosts.mood("h2", Mood.DOWN);

        assertThatThrownBy(() -> bridge.placements.place(onHost("h2")))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("host h2 cannot take the VM");

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    /** That of a host that did what it was told, and could not say so. */
    private void assertItIsNotKnownWhetherTheHostWasTold() {
        assertThatThrownBy(() -> bridge.placements.place(onHost("h2")))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("HTTP 500");
    }

    @Test
    void whatAHostMayHaveReservedWithoutSayingSoIsTakenBack() {
        cloud.placement.unclaim(Consumers.of(VM));
        cloud.placement.before("PUT", Consumers.of(VM), () -> cloud.hosts.mood("h2", Mood.SAYS_ITS_BROKEN));

        assertItIsNotKnownWhetherTheHostWasTold();

        assertThat(cloud.hosts.expectedOn("h2", VM)).isEmpty();
        assertThat(cloud.booked()).isEmpty();
    }

    @Test
    void whatIsBookedAsItWasMayStayReserved() throws Exception {
        bridge.placements.place(onHost("h2"));
        cloud.placement.before(
                "GET", // when it looks what is booked; then, when it books
                Consumers.of(VM),
                () -> cloud.placement.before(
                        "GET", Consumers.of(VM), () -> cloud.hosts.mood("h2", Mood.SAYS_ITS_BROKEN)));

        assertItIsNotKnownWhetherTheHostWasTold();

        assertThat(cloud.hosts.expectedOn("h2", VM)).isEqualTo(Map.of("h1", 256L << 20));
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void aVmThatIsGoneAndWasNeverPlacedIsNotExpectedAnyMore() throws Exception {
        bridge.placements.place(onHost("h2"));
        bridge.vms.delete(VM); // as if the bridge had died before it was written down

        bridge.placements.release(VM, "h2");

        assertThat(cloud.hosts.expectedOn("h2", VM)).isEmpty();
    }

    @Test
    void aVmThatIsGoneLeavesNothing() throws Exception {
        bridge.placements.place(onHost("h2"));

        bridge.placements.release(VM, null);
        bridge.placements.release(VM, null);

        assertThat(cloud.placement.consumers()).isZero();
        assertThat(cloud.hosts.expectedOn("h2", VM)).isEmpty();
        assertThat(bridge.vms.all()).isEmpty();
    }

    @Test
    void aVmThatIsGoneFromTheHostItMovedAwayFromKeepsItsBookingAndIsForgottenThere() throws Exception {
        bridge.placements.place(onHost("h3"));
        cloud.hosts.defines("h1", VM, "h2"); // it was evacuated, and h1 is back

        bridge.placements.release(VM, "h1");

        assertThat(cloud.booked()).isEqualTo(Map.of("h3", 256L));
        assertThat(cloud.hosts.wouldSplit("h1", VM)).isFalse();
    }

    @Test
    void aPlanIsGivenUpWhenTheVmStartsAnewAndARunningMigrationIsNot() throws Exception {
        String id = bridge.migrations.plan(onHost("h1"), "h2").id();
        bridge.placements.place(onHost("h1"));
        assertThat(bridge.migrations.find(id).status()).isEqualTo(Status.EXPIRED);

        bridge.migrations.start(bridge.migrations.plan(onHost("h1"), "h2").id());
        assertThatThrownBy(() -> bridge.placements.place(onHost("h1"))).hasMessageContaining("is migrating");
        assertThatThrownBy(() -> bridge.placements.release(VM, null)).hasMessageContaining("is migrating");
    }

    @Test
    void aVmIsEvacuatedFromASourceThatDiedInMidMigration() throws Exception {
        String id = bridge.migrations
                .start(bridge.migrations.plan(onHost("h1"), "h2").id())
                .id();
        assertThatThrownBy(() -> bridge.placements.place(onHost("h3")))
                .as("the source is well")
                .hasMessageContaining("is migrating");
        cloud.hosts.mood("h1", Mood.DOWN);
        assertThatThrownBy(() -> bridge.placements.place(onHost("h1")))
                .as("there the VM may run")
                .hasMessageContaining("is migrating");

        bridge.placements.place(onHost("h3"));

        assertThat(bridge.migrations.find(id).status()).isEqualTo(Status.FAILED);
        assertThat(cloud.booked()).isEqualTo(Map.of("h3", 256L));
        cloud.hosts.runs("h3", VM, 512);
        bridge.reconciler.round();
        assertThat(cloud.booked()).isEqualTo(Map.of("h3", 256L));
        assertThat(bridge.store.unheard()).as("the source has still to be told").hasSize(1);
    }

    @Test
    void whatTheDeadHostHadElsewhereIsFreedBeforeTheEvacuatedVmIsPlaced() throws Exception {
        cloud.hosts.mood("h1", Mood.DOWN);

        VmPlacements.Placement placement = bridge.placements.evacuate(onHost("h3"), "h1");

        assertThat(cloud.hosts.fences()).containsExactly("h1 " + VM);
        assertThat(placement.split()).isFalse();
        assertThat(cloud.booked()).isEqualTo(Map.of("h3", 256L));
    }

    @Test
    void aVmIsNotEvacuatedFromAHostThatRunsIt() {
        assertThatThrownBy(() -> bridge.placements.evacuate(onHost("h3"), "h1"))
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.code()).isEqualTo("host-not-fenced"))
                .hasMessageContaining("runs on h1");

        assertThat(cloud.hosts.fences()).isEmpty();
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void nothingIsFencedForAVmThatHasArrivedWhereItMigratedTo() throws Exception {
        bridge.migrations.start(bridge.migrations.plan(onHost("h1"), "h2").id());
        cloud.hosts.mood("h1", Mood.DOWN);
        cloud.hosts.runs("h2", VM, 512);

        assertThatThrownBy(() -> bridge.placements.evacuate(onHost("h3"), "h1")).hasMessageContaining("is migrating");

        assertThat(cloud.hosts.fences()).isEmpty();
    }

    @Test
    void aVmThatHasArrivedOrMayHaveIsNotStartedElsewhere() throws Exception {
        bridge.migrations.start(bridge.migrations.plan(onHost("h1"), "h2").id());
        cloud.hosts.mood("h1", Mood.DOWN);
        cloud.hosts.mood("h2", Mood.DOWN);
        assertThatThrownBy(() -> bridge.placements.place(onHost("h3"))).hasMessageContaining("is migrating");

        cloud.hosts.mood("h2", Mood.WELL);
        cloud.hosts.runs("h2", VM, 512);
        assertThatThrownBy(() -> bridge.placements.place(onHost("h3"))).hasMessageContaining("is migrating");
    }
}
