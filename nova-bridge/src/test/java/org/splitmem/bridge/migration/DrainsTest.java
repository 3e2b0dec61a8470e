package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.splitmem.bridge.migration.Cloud.VM;
import static org.splitmem.bridge.migration.Cloud.onHost;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.daemon.FakeHosts.Mood;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.bridge.store.Status;
import org.splitmem.model.LeavingVm;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.LendingState;
import org.splitmem.model.RefusedException;

/** A VM runs on h1, and h3 keeps half of it; h2 can take that. */
class DrainsTest {
    private static final Map<String, Long> BEFORE = Map.of("h3", 256L);
    private static final Map<String, Long> DURING = Map.of("h2", 256L, "h3", 256L);
    private static final Map<String, Long> AFTER = Map.of("h2", 256L);

    private Cloud cloud;
    private Cloud.Bridge bridge;

    @BeforeEach
    void begin() throws Exception {
        cloud = new Cloud("h1", "h2", "h3", "h4");
        bridge = cloud.bridge("bridge-1");
        cloud.placement.host("h2", 1000, true);
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 272L));
        cloud.bookOn("h3");
        bridge.vms.put(
                PlacedVm.running(onHost("h1").vm(), BEFORE, cloud.millis()).with(Cloud.SPECS));
    }

    @AfterEach
    void end() {
        cloud.close();
    }

    private static LeavingVm leaving(LendingInfo info) {
        assertThat(info.leaving()).hasSize(1);
        return info.leaving().get(0);
    }

    @Test
    void whatADrainedHostKeepsMovesToAnotherAndBothAreBookedUntilItHas() throws Exception {
        LendingInfo info = bridge.drains.begin("h3");

        assertThat(info.state()).isEqualTo(LendingState.DRAINING);
        assertThat(leaving(info).moving()).isTrue();
        assertThat(cloud.booked()).isEqualTo(DURING);
        assertThat(bridge.reconciler.round().corrected()).isZero();
        bridge.drains.step();
        assertThat(cloud.booked()).isEqualTo(DURING);

        cloud.hosts.moved("h1", VM);
        cloud.pass(Duration.ofSeconds(5));
        bridge.drains.step();

        assertThat(cloud.booked()).isEqualTo(AFTER);
        assertThat(bridge.reconciler.round().corrected()).isZero();
        assertThat(bridge.drains.show("h3").state()).isEqualTo(LendingState.EMPTY);
        assertThat(cloud.told).containsSubsequence("moving {h2=256, h3=256}", "moved {h2=256}");
    }

    /** As by its own command line. */
    @Test
    void aHostMayHaveBeenDrainedBySomebodyElse() throws Exception {
        cloud.hosts.drains("h3", true);

        bridge.drains.step();

        assertThat(cloud.booked()).isEqualTo(DURING);
        assertThat(leaving(bridge.drains.show("h3")).moving()).isTrue();
    }

    @Test
    void afterABridgeHasDiedTheOthersEndWhatItBegan() throws Exception {
        bridge.drains.begin("h3");
        Cloud.Bridge other = cloud.bridge("bridge-2");

        other.drains.step();
        assertThat(cloud.booked()).isEqualTo(DURING);
        cloud.hosts.moved("h1", VM);
        cloud.pass(Duration.ofSeconds(5));
        other.drains.step();

        assertThat(cloud.booked()).isEqualTo(AFTER);
    }

    @Test
    void withoutRoomElsewhereItSaysSoAndTriesAgain() throws Exception {
        cloud.placement.host("h2", 100, true);

        LeavingVm left = leaving(bridge.drains.begin("h3"));

        assertThat(left.moving()).isFalse();
        assertThat(left.trouble())
                .startsWith("no sub-hosts for 256 MB of a VM on h1: the 1 that can be used have room for 100 MB");
        assertThat(cloud.booked()).isEqualTo(BEFORE);

        cloud.placement.host("h2", 256, true);
        bridge.drains.step();
        assertThat(cloud.booked()).as("not at once").isEqualTo(BEFORE);
        cloud.pass(Duration.ofSeconds(31));
        bridge.drains.step();
        assertThat(cloud.booked()).isEqualTo(DURING);
    }

    @Test
    void aHostWhoseComputeServiceIsDisabledTakesNothing() throws Exception {
        cloud.placement.traits("h2", "COMPUTE_STATUS_DISABLED");

        assertThat(leaving(bridge.drains.begin("h3")).trouble()).contains("1 disabled in Nova (h2");
        assertThat(cloud.booked()).isEqualTo(BEFORE);
    }

    @Test
    void norDoesAHostThatIsItselfDrainedOrOnWhichTheVmRuns() throws Exception {
        cloud.placement.host("h1", 1000, true);
        cloud.hosts.drains("h2", true);

        assertThat(leaving(bridge.drains.begin("h3")).trouble()).contains("h2: it is being drained");
        assertThat(cloud.booked()).isEqualTo(BEFORE);
    }

    @Test
    void ifItsMainHostRefusesItIsBookedAsBefore() throws Exception {
        cloud.hosts.movesNothing("h1", true);

        assertThat(leaving(bridge.drains.begin("h3")).trouble()).contains("no room for it");
        assertThat(cloud.booked()).isEqualTo(BEFORE);
    }

    @Test
    void aVmThatMigratesHasToWait() throws Exception {
        cloud.placement.host("h2", 100, true);
        String id = bridge.migrations.plan(onHost("h1"), "h2").id();
        cloud.placement.host("h2", 1000, true);

        assertThat(leaving(bridge.drains.begin("h3")).trouble()).contains("migration " + id);
        bridge.migrations.abort(id);
        cloud.pass(Duration.ofSeconds(31));
        bridge.drains.step();

        assertThat(cloud.booked()).isEqualTo(DURING);
    }

    @Test
    void whatIsNotKnownOfAVmIsNotGuessed() throws Exception {
        bridge.vms.put(PlacedVm.running(onHost("h1").vm(), BEFORE, cloud.millis()));

        assertThat(leaving(bridge.drains.begin("h3")).trouble())
                .contains("extra specs")
                .contains("splitmem move-pages db1 --from h3");
        assertThat(cloud.booked()).isEqualTo(BEFORE);
    }

    /** It had seen the VM before its main host knew of the new sub-host. */
    @Test
    void whatAnotherBridgeCorrectsMeanwhileIsBookedAgain() throws Exception {
        cloud.hosts.before("POST vms move-pages", () -> {
            cloud.placement.unclaim(Consumers.of(VM));
            cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h3", 256);
        });

        bridge.drains.begin("h3");

        assertThat(cloud.booked()).isEqualTo(DURING);
    }

    /** It had seen the books after, and the VM before its main host knew of the new sub-host. */
    @Test
    void whatAnotherBridgeWouldCorrectLaterStaysBooked() throws Exception {
        Cloud.Bridge other = cloud.bridge("bridge-2");
        CountDownLatch looked = new CountDownLatch(3); // hosts
        CountDownLatch moving = new CountDownLatch(1);
        CompletableFuture<Reconciler.Result> round = new CompletableFuture<>();
        cloud.hosts.before("POST vms move-pages", () -> {
            cloud.hosts.after("GET vms", () -> {
                looked.countDown();
                await(moving);
            });
            round.completeAsync(() -> round(other));
            await(looked);
            cloud.hosts.after("GET vms", () -> {});
        });

        bridge.drains.begin("h3");
        moving.countDown();

        assertThat(round.get(20, TimeUnit.SECONDS).corrected()).isZero();
        assertThat(cloud.booked()).isEqualTo(DURING);
    }

    /** It goes through the same VMs by a look from before this bridge began: it would book others, and free those for a moment. */
    @Test
    void whatAnotherBridgeHasBegunIsNotBegunOnceMore() throws Exception {
        cloud.hosts.drains("h3", true);
        Cloud.Bridge other = cloud.bridge("bridge-2");
        AtomicInteger answers = new AtomicInteger();
        cloud.hosts.after("GET vms", () -> {
            if (answers.incrementAndGet() == 4) { // of all hosts
                cloud.hosts.after("GET vms", () -> {});
                bridge.drains.step();
                cloud.placement.host("h2", 256, true).host("h4", 2000, true);
            }
        });

        other.drains.step();

        assertThat(cloud.booked()).isEqualTo(DURING);
        assertThat(cloud.told).noneMatch(told -> told.startsWith("undone"));
    }

    /** It is planned after this bridge has found out that the VM does not migrate. */
    @Test
    void aMigrationThatIsPlannedMeanwhileStaysBooked() throws Exception {
        cloud.placement.host("h2", 1000, true);
        Cloud.Bridge other = cloud.bridge("bridge-2");
        cloud.hosts.after("GET vms *", () -> {
            cloud.hosts.after("GET vms *", () -> {});
            plan(other);
        });

        LendingInfo info = bridge.drains.begin("h3");

        assertThat(leaving(info).moving()).isFalse();
        assertThat(bridge.reconciler.round().corrected()).isZero();
        assertThat(other.listed(Status.PLANNED)).hasSize(1);
        assertThat(cloud.booked()).isEqualTo(other.listed(Status.PLANNED).get(0).bothSides());
        assertThat(cloud.told).as("not for a moment").noneMatch(told -> told.startsWith("undone"));
    }

    private static void plan(Cloud.Bridge bridge) {
        try {
            bridge.migrations.plan(onHost("h1"), "h2");
        } catch (RefusedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Reconciler.Result round(Cloud.Bridge bridge) {
        try {
            return bridge.reconciler.round();
        } catch (ServiceException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aDrainThatIsEndedLeavesWhatHasNotMoved() throws Exception {
        cloud.placement.host("h2", 100, true);
        bridge.drains.begin("h3");

        assertThat(bridge.drains.cancel("h3").state()).isEqualTo(LendingState.LENDING);

        assertThatThrownBy(() -> bridge.drains.cancel("h3"))
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.code()).isEqualTo("not-being-drained"));
        cloud.placement.host("h2", 1000, true);
        cloud.pass(Duration.ofSeconds(31));
        bridge.drains.step();
        assertThat(cloud.booked()).isEqualTo(BEFORE);
    }

    @Test
    void aDrainThatIsEndedEndsWhatMoves() throws Exception {
        bridge.drains.begin("h3");
        assertThat(bridge.daemons.vm("h1", VM).orElseThrow().moves()).hasSize(1);

        bridge.drains.cancel("h3");

        assertThat(bridge.daemons.vm("h1", VM).orElseThrow().moves()).isEmpty();
        bridge.reconciler.round();
        assertThat(cloud.booked()).as("each has a part").isEqualTo(Map.of("h2", 128L, "h3", 128L));
    }

    /** Nothing is concluded from that. */
    @Test
    void aMainHostThatWasSilentForAWhileEndsWhatMovesToo() throws Exception {
        bridge.drains.begin("h3");
        cloud.hosts.mood("h1", Mood.DOWN);
        cloud.pass(Duration.ofSeconds(5));
        bridge.drains.step();
        cloud.hosts.mood("h1", Mood.WELL);

        bridge.drains.cancel("h3");

        assertThat(bridge.daemons.vm("h1", VM).orElseThrow().moves()).isEmpty();
    }

    @Test
    void whatCouldNotBeEndedIsEndedLater() throws Exception {
        bridge.drains.begin("h3");
        cloud.hosts.before("DELETE vms move-pages", () -> cloud.hosts.mood("h1", Mood.DOWN));
        bridge.drains.cancel("h3");
        cloud.hosts.before("DELETE vms move-pages", () -> {});
        cloud.hosts.mood("h1", Mood.WELL);
        assertThat(bridge.daemons.vm("h1", VM).orElseThrow().moves()).hasSize(1);
        cloud.pass(Duration.ofSeconds(31));

        bridge.drains.step();

        assertThat(bridge.daemons.vm("h1", VM).orElseThrow().moves()).isEmpty();
    }

    @Test
    void aDrainedHostThatIsSilentForAWhileIsStillDrained() throws Exception {
        bridge.drains.begin("h3");
        cloud.hosts.mood("h3", Mood.DOWN);
        cloud.pass(Duration.ofSeconds(5));

        bridge.drains.step();

        assertThat(bridge.daemons.vm("h1", VM).orElseThrow().moves()).hasSize(1);
    }

    @Test
    void aHostThatDoesNotAnswerIsNotDrained() {
        cloud.hosts.mood("h3", Mood.DOWN);

        assertThatThrownBy(() -> bridge.drains.begin("h3"))
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.code()).isEqualTo("service-failed"));
    }

    @Test
    void aVmKeepsToTheMostSubHostsOfItsFlavor() throws Exception {
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 144L, "h4", 144L));
        cloud.placement.host("h2", 100, true).host("h4", 1000, true).host("h5", 100, true);
        cloud.placement.unclaim(Consumers.of(VM));
        cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h3", 128);
        cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h4", 128);
        bridge.vms.put(PlacedVm.running(onHost("h1").vm(), Map.of("h3", 128L, "h4", 128L), cloud.millis())
                .with(Map.of("splitmem:enabled", "true", "splitmem:max_sub_hosts", "2")));

        assertThat(leaving(bridge.drains.begin("h3")).trouble()).contains("room for 100 MB");

        cloud.placement.host("h2", 128, true);
        bridge.drains.begin("h3");
        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 128L, "h3", 128L, "h4", 128L));
    }
}
