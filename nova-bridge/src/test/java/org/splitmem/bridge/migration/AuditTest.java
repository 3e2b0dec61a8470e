package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.booking.Consumers;

/** {@code nova-manage placement audit --delete} takes our consumers for orphans. What it did is undone as far as there is still room. */
class AuditTest {
    private static final Map<String, Long> SPLIT = Map.of("h2", 100L, "h3", 156L);
    private static final UUID ANOTHER = UUID.fromString("07e40000-0000-4000-8000-000000000009");

    private Cloud cloud;
    private Cloud.Bridge bridge;

    @BeforeEach
    void begin() throws Exception {
        cloud = new Cloud();
        bridge = cloud.bridge("bridge-1");
        cloud.placement.unclaim(Consumers.of(Cloud.VM));
        SPLIT.forEach((host, mb) -> cloud.placement.claim(Consumers.of(Cloud.VM), "SPLITMEM", host, mb));
        cloud.hosts.runsSplit("h1", Cloud.VM, 512, SPLIT);
        bridge.vms.put(
                org.splitmem.bridge.store.PlacedVm.starting(Cloud.onHost("h1").vm(), SPLIT, 0));
        assertThat(bridge.reconciler.round()).isEqualTo(new Reconciler.Result(0, 0, 0));
    }

    @AfterEach
    void end() {
        cloud.close();
    }

    private void audit() {
        cloud.placement.unclaim(Consumers.of(Cloud.VM));
    }

    @Test
    void whatWasDeletedIsBookedAgainInTheNextRound() throws Exception {
        audit();

        assertThat(bridge.reconciler.round()).isEqualTo(new Reconciler.Result(1, 0, 0));
        assertThat(cloud.booked()).isEqualTo(SPLIT);
    }

    @Test
    void ifOthersTookTheRoomWhatIsLeftIsBookedAndTheRestIsReported() throws Exception {
        audit();
        cloud.placement.claim(ANOTHER, "INSTANCE", "h3", 900); // of 1000

        assertThat(bridge.reconciler.round()).isEqualTo(new Reconciler.Result(0, 1, 56));

        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 100L, "h3", 100L));
        assertThat(cloud.told).contains("short {h2=100, h3=100} of {h2=100, h3=156}");
        assertThat(cloud.placement.everOverbooked()).isFalse();
    }

    @Test
    void itIsReportedOnceAndMendedAsSoonAsThereIsRoom() throws Exception {
        audit();
        cloud.placement.claim(ANOTHER, "INSTANCE", "h3", 1000);
        bridge.reconciler.round();
        assertThat(bridge.reconciler.round()).isEqualTo(new Reconciler.Result(0, 1, 156));
        assertThat(cloud.told).filteredOn(event -> event.startsWith("short")).hasSize(1);

        cloud.placement.unclaim(ANOTHER);

        assertThat(bridge.reconciler.round()).isEqualTo(new Reconciler.Result(1, 0, 0));
        assertThat(cloud.booked()).isEqualTo(SPLIT);
        assertThat(bridge.reconciler.round()).isEqualTo(new Reconciler.Result(0, 0, 0));
    }
}
