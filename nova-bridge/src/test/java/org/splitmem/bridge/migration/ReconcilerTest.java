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
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.MigrationPhase;

class ReconcilerTest {
    private Cloud cloud;
    private Cloud.Bridge bridge;

    @BeforeEach
    void begin() throws Exception {
        cloud = new Cloud();
        bridge = cloud.bridge("bridge-1");
        bridge.vms.put(PlacedVm.starting(onHost("h1").vm(), Map.of("h1", 256L), cloud.millis()));
    }

    @AfterEach
    void end() {
        cloud.close();
    }

    /** Of two VMs whose booking is wrong somebody sets right the second while the first is corrected. */
    @Test
    void whatSomebodyElseHasChangedMeanwhileIsNotCounted() throws Exception {
        UUID other = new UUID(0x4000, 7);
        cloud.placement.host("h1", 1000, true);
        cloud.hosts.runs("h1", other, 512);
        bridge.vms.put(PlacedVm.starting(
                new Vm(other, "db2", "h1", 512, 256, "project", "user"), Map.of("h1", 256L), cloud.millis()));
        cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h3", 99);
        cloud.placement.claim(Consumers.of(other), "SPLITMEM", "h3", 99);
        Telemetry somebody = cloud.whenBooked(vm -> {
            UUID second = Consumers.of(vm.instance().equals(VM) ? other : VM);
            cloud.placement.unclaim(second);
            cloud.placement.claim(second, "SPLITMEM", "h1", 256);
        });

        assertThat(cloud.bridge("bridge-2", somebody).reconciler.round()).isEqualTo(new Reconciler.Result(1, 0, 0));

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
        assertThat(cloud.placement.claimsOf(Consumers.of(other))).isEqualTo(Map.of("h1", 256L));
    }

    /** Its main host did not know yet what for. */
    @Test
    void whatIsBookedWhileTheHostsAreAskedStays() throws Exception {
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 272L));
        cloud.bookOn("h3");
        bridge.vms.put(PlacedVm.running(onHost("h1").vm(), Map.of("h3", 256L), cloud.millis()));
        cloud.placement.host("h2", 1000, true);
        cloud.hosts.after("GET vms", () -> cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h2", 256));

        assertThat(bridge.reconciler.round().corrected()).isZero();

        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 256L, "h3", 256L));
    }

    /** The next round sees what it is then. */
    @Test
    void whatIsWrongIsNotCorrectedIfItChangesMeanwhile() throws Exception {
        cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h1", 99);
        cloud.placement.host("h2", 1000, true);
        cloud.hosts.after("GET vms", () -> cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h2", 256));

        assertThat(bridge.reconciler.round().corrected()).isZero();

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 99L, "h2", 256L));
    }

    @Test
    void whatIsRightIsLeftAlone() throws Exception {
        assertThat(bridge.reconciler.round()).isEqualTo(new Reconciler.Result(0, 0, 0));
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

    /** It has not to be started: what its host says of it is true at once. */
    @Test
    void aVmThatIsGatheredRightAfterAMigrationIsBookedOnItsHost() throws Exception {
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 256L));
        cloud.bookOn("h3");
        bridge.migrations.start(bridge.migrations.plan(onHost("h1"), "h2").id());
        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");
        bridge.follower.step();
        assertThat(cloud.booked()).isEqualTo(Map.of("h3", 256L));

        isGatheredOnH2();
        rounds(1);

        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 256L));
    }

    /** Who takes the pages has reserved, and who has them keeps them until they are there. */
    @Test
    void whilePagesMoveToAnotherSubHostBothAreBooked() throws Exception {
        cloud.placement.host("h4", 1000, true);
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h2", 72L, "h3", 216L), Map.of("h2", 72L, "h3", 216L));
        bridge.vms.put(PlacedVm.running(onHost("h1").vm(), Map.of("h2", 56L, "h3", 200L), cloud.millis()));
        rounds(1);
        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 56L, "h3", 200L));

        cloud.hosts.moves("h1", VM, "h3", "h4", 230);
        rounds(1);
        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 56L, "h3", 200L, "h4", 200L));
        assertThat(rounds(1).corrected()).isZero();

        cloud.hosts.moved("h1", VM);
        rounds(1);
        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 56L, "h4", 200L));
        assertThat(bridge.vms.find(VM)).map(PlacedVm::booking).contains(Map.of("h2", 56L, "h4", 200L));
    }

    @Test
    void whileItIsGatheredItsHostAndItsSubHostsAreBooked() throws Exception {
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 272L));
        bridge.vms.put(PlacedVm.running(onHost("h1").vm(), Map.of("h3", 256L), cloud.millis()));
        rounds(1);

        cloud.hosts.gathers("h1", VM);
        rounds(2);
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L, "h3", 256L));
        bridge.vms.delete(VM);
        rounds(1);
        assertThat(cloud.booked()).as("of a lost database").isEqualTo(Map.of("h1", 256L, "h3", 256L));

        cloud.hosts.runs("h1", VM, 512);
        rounds(1);
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    private void isGatheredOnH2() {
        cloud.placement.host("h2", 300, true);
        cloud.hosts.runs("h2", VM, 512);
    }

    @Test
    void aVmThatIsGatheredRightAfterItsStartIsBookedOnItsHost() throws Exception {
        bridge.placements.place(onHost("h2")); // to be split, with h1
        cloud.hosts.stops("h1", VM);
        cloud.hosts.runs("h2", VM, 512);
        rounds(1);
        assertThat(cloud.booked()).as("not split yet").isEqualTo(Map.of("h1", 256L));
        cloud.hosts.runsSplit("h2", VM, 512, Map.of("h1", 256L));
        rounds(1);

        isGatheredOnH2();
        rounds(1);

        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 256L));
    }

    @Test
    void bothSidesOfARunningMigrationStayBooked() throws Exception {
        bridge.migrations.start(bridge.migrations.plan(onHost("h1"), "h2").id());

        assertThat(bridge.reconciler.round()).isEqualTo(new Reconciler.Result(0, 0, 0));

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
    void aVmThatWasNowhereAndIsPlacedJustNowKeepsThatBooking() throws Exception {
        cloud.pass(Duration.ofMinutes(11));
        cloud.hosts.stops("h1", VM);
        rounds(1);
        cloud.placement.before(
                "PUT",
                Consumers.of(VM),
                () -> cloud.bridge("bridge-2").placements.place(onHost("h3")));

        rounds(1);

        assertThat(cloud.booked()).isEqualTo(Map.of("h3", 256L));
        assertThat(bridge.vms.find(VM)).map(placed -> placed.vm().host()).contains("h3");
    }

    /** As Nova has it: the main share on h1, whatever the VM does; it has been off for some time. */
    private void shutOff() {
        cloud.placement.host("h1", 512, true);
        cloud.placement.claim(VM, "INSTANCE", "h1", 256);
        cloud.pass(Duration.ofMinutes(11));
        cloud.hosts.stops("h1", VM);
    }

    private Reconciler.Result rounds(int count) throws Exception {
        Reconciler.Result last = new Reconciler.Result(0, 0, 0);
        for (int i = 0; i < count; i++) {
            last = bridge.reconciler.round();
        }
        return last;
    }

    @Test
    void aVmThatIsShutOffKeepsItsRoomAsLongAsNovaKeepsIts() throws Exception {
        shutOff();

        assertThat(rounds(4)).isEqualTo(new Reconciler.Result(0, 0, 0));
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));

        cloud.placement.unclaim(VM);
        rounds(2);
        assertThat(cloud.booked()).isEmpty();
        assertThat(bridge.vms.all()).isEmpty();
    }

    @Test
    void aVmThatWasSplitWhenItWasShutOffFindsItsRoomAgain() throws Exception {
        shutOff();
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 100L));
        rounds(1);
        cloud.hosts.stops("h1", VM);
        rounds(3);
        assertThat(cloud.booked()).isEqualTo(Map.of("h3", 256L));

        for (String host : new String[] {"h1", "h2", "h3"}) { // others take all that there is
            cloud.placement.claim(
                    new UUID(0x4000, 1),
                    "INSTANCE",
                    host,
                    Map.of("h1", 256, "h2", 100, "h3", 744).get(host));
        }

        assertThat(bridge.placements.place(onHost("h1")).subHosts()).isEqualTo(Map.of("h3", 256L));
    }

    @Test
    void whatAVmThatIsShutOffHasTooMuchOrTooLittleIsSetToWhatWasPlaced() throws Exception {
        shutOff();
        cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h3", 256); // the other side of a migration that is over
        rounds(1);
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));

        cloud.placement.unclaim(Consumers.of(VM));
        rounds(1);
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
        assertThat(cloud.placement.claimsOf(VM)).as("Nova's own").isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void aVmThatIsShutOffKeepsWhatItHadWhenItRanLast() throws Exception {
        shutOff();
        bridge.vms.put(PlacedVm.starting(onHost("h1").vm(), Map.of("h3", 256L), cloud.millis() - 3_600_000));
        cloud.hosts.runs("h1", VM, 512); // was split when it was placed, and gathered since
        rounds(1);

        cloud.hosts.stops("h1", VM);
        rounds(3);

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void aStartThatFailedHalfwayIsUndone() throws Exception {
        shutOff();
        cloud.placement.unclaim(Consumers.of(VM));
        cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h3", 256); // and then the bridge died

        rounds(1);

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void aVmOfAnotherFlavorByNowIsNoneOfOurs() throws Exception {
        shutOff();
        cloud.placement.claim(VM, "INSTANCE", "h1", 512);

        rounds(2);

        assertThat(cloud.booked()).isEmpty();
    }

    @Test
    void itIsReleasedOnlyIfNovaClaimsNothingTwiceInARow() throws Exception {
        shutOff();
        for (int i = 0; i < 3; i++) {
            cloud.placement.unclaim(VM);
            rounds(1);
            cloud.placement.claim(VM, "INSTANCE", "h1", 256);
            rounds(1);
        }

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void ifPlacementDoesNotTellWhatNovaClaimsNothingIsConcluded() throws Exception {
        shutOff();
        cloud.placement.unclaim(VM);
        cloud.placement.unreadable(VM);

        assertThat(rounds(4)).isEqualTo(new Reconciler.Result(0, 1, 0));

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
        assertThat(cloud.told).last().asString().startsWith("failed, wanted unknown: Placement GET ");
    }

    @Test
    void aBookingThatCannotBeSetRightIsReported() throws Exception {
        cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h3", 99);
        cloud.placement.unreadable(Consumers.of(VM));

        assertThat(bridge.reconciler.round()).isEqualTo(new Reconciler.Result(0, 1, 0));

        assertThat(cloud.told).hasSize(1);
        assertThat(cloud.told.get(0)).startsWith("failed, wanted {h1=256}: Placement GET ");
    }

    @Test
    void aVmThatIsGoneAndHasNothingBookedIsForgotten() throws Exception {
        cloud.placement.unclaim(Consumers.of(VM));
        cloud.pass(Duration.ofMinutes(11));
        cloud.hosts.stops("h1", VM);

        rounds(2);

        assertThat(bridge.vms.all()).isEmpty();
    }

    @Test
    void aVmThatIsExpectedToStartKeepsItsBooking() throws Exception {
        cloud.pass(Duration.ofMinutes(11));
        cloud.hosts.stops("h1", VM);
        bridge.vms.put(PlacedVm.starting(onHost("h1").vm(), Map.of("h3", 256L), cloud.millis() - 3_600_000));
        cloud.hosts.expects("h1", VM, "h3");

        rounds(3);
        assertThat(cloud.booked()).isEqualTo(Map.of("h3", 256L));

        cloud.hosts.stops("h1", VM);
        rounds(2);
        assertThat(cloud.booked())
                .as("Nova claims nothing, and nothing is reserved")
                .isEmpty();
    }

    @Test
    void aVmThatRunsIsBookedWhereItRunsThoughItIsExpectedElsewhere() throws Exception {
        cloud.pass(Duration.ofMinutes(11));
        cloud.placement.claim(Consumers.of(VM), "SPLITMEM", "h3", 99);
        cloud.hosts.expects("h2", VM, "h3");

        rounds(1);

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    /** It holds nothing there; and only where it is placed it may start so again. */
    @Test
    void aVmThatWasSplitWhereItIsNotPlacedAnyMoreIsForgottenThere() throws Exception {
        bridge.vms.put(PlacedVm.starting(onHost("h1").vm(), Map.of("h1", 256L), cloud.millis() - 3_600_000));
        cloud.hosts.defines("h2", VM, "h3");

        rounds(1);

        assertThat(cloud.hosts.wouldSplit("h2", VM)).isFalse();
        assertThat(cloud.booked()).as("where it runs").isEqualTo(Map.of("h1", 256L));

        cloud.hosts.stops("h1", VM);
        cloud.placement.claim(VM, "INSTANCE", "h1", 256);
        cloud.hosts.defines("h1", VM, "h3");
        rounds(3);

        assertThat(cloud.hosts.wouldSplit("h1", VM)).as("it is shut off").isTrue();
    }

    @Test
    void unlessItIsPlacedThereWhileTheHostsAreAsked() throws Exception {
        bridge.vms.put(PlacedVm.starting(onHost("h1").vm(), Map.of("h1", 256L), cloud.millis() - 3_600_000));
        cloud.hosts.defines("h2", VM, "h3");
        cloud.hosts.after(
                "GET vms",
                () -> bridge.vms.put(PlacedVm.starting(onHost("h2").vm(), Map.of("h3", 256L), cloud.millis())));

        rounds(1);

        assertThat(cloud.hosts.wouldSplit("h2", VM)).isTrue();
    }

    /** Its host may run it and not have registered yet. */
    @Test
    void aVmOfALostDatabaseKeepsWhatItHasWhileNovaClaimsItsMainShare() throws Exception {
        shutOff();
        bridge.vms.delete(VM);

        rounds(3);
        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));

        cloud.placement.unclaim(VM);
        rounds(2);
        assertThat(cloud.booked()).isEmpty();
    }

    @Test
    void aVmOfALostDatabaseThatIsExpectedKeepsWhatItHas() throws Exception {
        bridge.vms.delete(VM);
        cloud.hosts.stops("h1", VM);
        cloud.hosts.expects("h1", VM, "h3");

        rounds(3);

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void aVmThatWasJustPlacedMayTakeItsTime() throws Exception {
        cloud.placement.host("h1", 512, true);
        cloud.placement.claim(VM, "INSTANCE", "h1", 256);
        cloud.hosts.stops("h1", VM);

        rounds(4);

        assertThat(cloud.booked()).isEqualTo(Map.of("h1", 256L));
    }

    @Test
    void aVmThatWasJustPlacedAndDeletedLeavesNothing() throws Exception {
        cloud.hosts.stops("h1", VM);

        rounds(2);

        assertThat(cloud.booked()).isEmpty();
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
    void ofASplitVmWhoseMainHostIsSilentNovaTellsWhetherItIsGone() throws Exception {
        cloud.pass(Duration.ofMinutes(11));
        cloud.placement.claim(VM, "INSTANCE", "h1", 256);
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 256L));
        rounds(1);
        cloud.hosts.mood("h1", Mood.DOWN);
        rounds(3);
        assertThat(cloud.booked()).isEqualTo(Map.of("h3", 256L));

        cloud.placement.unclaim(VM);
        rounds(1);
        assertThat(cloud.booked()).as("once is not enough").isEqualTo(Map.of("h3", 256L));
        rounds(1);
        assertThat(cloud.booked()).isEmpty();

        cloud.hosts.mood("h1", Mood.WELL);
        rounds(1);
        assertThat(cloud.booked()).as("it runs still").isEqualTo(Map.of("h3", 256L));
        cloud.hosts.stops("h1", VM);
        rounds(2);
        assertThat(cloud.booked()).isEmpty();
        assertThat(bridge.vms.all()).isEmpty();
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
