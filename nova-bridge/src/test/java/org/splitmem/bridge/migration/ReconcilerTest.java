package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.splitmem.bridge.migration.Cloud.VM;
import static org.splitmem.bridge.migration.Cloud.onHost;

import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.daemon.FakeHosts.Mood;
import org.splitmem.bridge.store.PlacedVm;

class ReconcilerTest {
    private Cloud cloud;
    private Cloud.Bridge bridge;

    @BeforeEach
    void begin() throws Exception {
        cloud = new Cloud();
        bridge = cloud.bridge("bridge-1");
        bridge.vms.put(new PlacedVm(onHost("h1").vm(), Map.of("h1", 256L), cloud.millis()));
    }

    @AfterEach
    void end() {
        cloud.close();
    }

    @Test
    void whatIsRightIsLeftAlone() throws Exception {
        assertThat(bridge.reconciler.round()).isEqualTo(new Reconciler.Result(0, 0));
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void aBookingThatIsMissingIsMade() throws Exception {
        cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h1", 0);
        cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h3", 99);

        assertThat(bridge.reconciler.round().corrected()).isEqualTo(1);

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void aSplitVmIsBookedWhereItsPagesAre() throws Exception {
        cloud.pass(Duration.ofMinutes(11));
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h2", 50L, "h3", 150L));

        bridge.reconciler.round();

        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 64L, "h3", 192L));
    }

    @Test
    void ofASplitVmWhoseSharesNobodyRemembersTheReservationsTellThem() throws Exception {
        cloud.pass(Duration.ofMinutes(11));
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h2", 50L, "h3", 150L), Map.of("h2", 96L + 16, "h3", 160L + 16));

        bridge.reconciler.round();

        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 96L, "h3", 160L));
    }

    @Test
    void bothSidesOfARunningMigrationStayBooked() throws Exception {
        bridge.migrations.start(bridge.migrations.plan(onHost("h1"), "h2").id());

        assertThat(bridge.reconciler.round()).isEqualTo(new Reconciler.Result(0, 0));

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L, "h3", 256L));
    }

    @Test
    void aVmThatIsNowhereLosesItsBookingInTheSecondRound() throws Exception {
        cloud.pass(Duration.ofMinutes(11));
        cloud.hosts.stops("h1", VM);

        bridge.reconciler.round();
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
        bridge.reconciler.round();

        assertThat(cloud.booked()).isEmpty();
        assertThat(bridge.vms.find(VM)).isEmpty();
    }

    @Test
    void aVmThatWasJustPlacedMayTakeItsTime() throws Exception {
        cloud.hosts.stops("h1", VM);

        bridge.reconciler.round();
        bridge.reconciler.round();
        bridge.reconciler.round();

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void aHostThatDoesNotAnswerProvesNothing() throws Exception {
        cloud.pass(Duration.ofMinutes(11));
        cloud.hosts.mood("h1", Mood.DOWN);

        for (int i = 0; i < 4; i++) {
            bridge.reconciler.round();
        }

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void aBookingOfNobodyIsReleasedAndNovasAreNot() throws Exception {
        UUID lost = Consumers.of(new UUID(0x4000, 9));
        UUID novas = UUID.randomUUID();
        cloud.placement.claim(lost, "SPLITMEM", "h3", 77);
        cloud.placement.claim(novas, "INSTANCE", "h3", 88);
        UUID stranger = Consumers.of(new UUID(0x4000, 10));
        cloud.placement.claim(stranger, "OTHER", "h3", 99);

        bridge.reconciler.round();
        bridge.reconciler.round();

        assertThat(cloud.placement.claimsOf(lost)).isEmpty();
        assertThat(cloud.placement.claimsOf(novas)).isEqualTo(Map.of("h3", 88L));
        assertThat(cloud.placement.claimsOf(stranger)).isEqualTo(Map.of("h3", 99L));
    }

    @Test
    void withoutTheDatabaseAWholeVmsBookingMovesToItsHost() throws Exception {
        bridge.vms.delete(VM);
        cloud.hosts.stops("h1", VM);
        cloud.hosts.runs("h3", VM, 512);

        bridge.reconciler.round();

        assertThat(cloud.booked()).isEqualTo(Map.of("h3", 256L));
        assertThat(cloud.placement.typeAndOwner(Consumers.of(VM))).isEqualTo("SPLITMEM project user");
    }
}
