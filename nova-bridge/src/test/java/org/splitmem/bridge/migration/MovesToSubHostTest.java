package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.splitmem.bridge.migration.Cloud.VM;
import static org.splitmem.bridge.migration.Cloud.onHost;

import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.bridge.store.Status;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.RefusedException;

/** A VM runs on h1; h2 and h3 keep a quarter of it each. It migrates to h2. */
class MovesToSubHostTest {
    private static final Map<String, Long> BEFORE = Map.of("h2", 128L, "h3", 128L);
    private static final Map<String, Long> DURING = Map.of("h2", 128L, "h3", 128L, "h4", 128L);
    private static final Map<String, Long> AFTER = Map.of("h3", 128L, "h4", 128L);

    private Cloud cloud;
    private Cloud.Bridge bridge;

    @BeforeEach
    void begin() throws Exception {
        cloud = new Cloud("h1", "h2", "h3", "h4");
        bridge = cloud.bridge("bridge-1");
        // h2 has room for the main share only, which Nova has claimed.
        cloud.placement.host("h2", 128 + 256, true).host("h4", 1000, true);
        cloud.placement.claim(VM, "INSTANCE", "h1", 0);
        cloud.placement.claim(VM, "INSTANCE", "h2", 256);
        isSplitWith(BEFORE);
    }

    @AfterEach
    void end() {
        cloud.close();
    }

    private void isSplitWith(Map<String, Long> shares) {
        Map<String, Long> reserved = new TreeMap<>(shares);
        reserved.replaceAll((host, mb) -> mb + 16);
        cloud.hosts.runsSplit("h1", VM, 512, shares, reserved);
        cloud.placement.unclaim(Consumers.of(VM));
        shares.forEach((host, mb) -> cloud.placement.claim(Consumers.of(VM), "SPLITMEM", host, mb));
        bridge.vms.put(
                PlacedVm.running(onHost("h1").vm(), shares, cloud.millis()).with(Cloud.SPECS));
    }

    private Migration started() throws RefusedException {
        return bridge.migrations.start(
                bridge.migrations.plan(onHost("h1"), "h2").id());
    }

    private void done(Migration migration) throws RefusedException {
        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");
        bridge.follower.step();
        assertThat(bridge.migrations.find(migration.id()).status()).isEqualTo(Status.COMPLETED);
    }

    private void nothingIsWrong(Map<String, Long> booking) throws Exception {
        assertThat(bridge.reconciler.round()).isEqualTo(new Reconciler.Result(0, 0, 0));
        assertThat(cloud.booked()).isEqualTo(booking);
    }

    @Test
    void anotherHostTakesOverWhatTheDestinationKeeps() throws Exception {
        assertThat(bridge.migrations.dryRun(onHost("h1"), "h2").outcome()).isEqualTo(Plan.Outcome.SPLIT);
        assertThat(cloud.booked()).isEqualTo(BEFORE);

        Migration migration = started();

        assertThat(migration.subHosts()).isEqualTo(AFTER);
        assertThat(cloud.hosts.migrationsFrom("h1").get(0).novaMigrationUuid()).isNull();
        assertThat(cloud.hosts.migrationAsked("h1"))
                .isEqualTo("{\"destination\":\"h2\",\"budgetBytes\":268435456,\"subHosts\":[{\"host\":\"h3\"},"
                        + "{\"host\":\"h4\",\"bytes\":134217728}],\"handover\":\"hybrid\",\"id\":\""
                        + migration.id() + "\"}");
        nothingIsWrong(DURING);
        done(migration);
        nothingIsWrong(DURING); // its splitmemd is about to empty its store
        cloud.hosts.emptiesItself("h2", VM);
        nothingIsWrong(DURING);
        cloud.hosts.moved("h2", VM);
        nothingIsWrong(AFTER);
        assertThat(cloud.told).endsWith("moved {h3=128, h4=128}");
        nothingIsWrong(AFTER);
        assertThat(bridge.vms.find(VM).orElseThrow().booking()).isEqualTo(AFTER);
    }

    @Test
    void itsOnlySubHostMayBecomeItsMainHost() throws Exception {
        cloud.placement.host("h2", 256 + 256, true).host("h4", 100, true);
        isSplitWith(Map.of("h2", 256L));

        Migration migration = started();

        assertThat(cloud.hosts.migrationsFrom("h1").get(0).subHosts())
                .extracting(share -> share.host() + " " + share.bytes())
                .containsExactly("h3 " + (256L << 20));
        nothingIsWrong(Map.of("h2", 256L, "h3", 256L));
        done(migration);
        nothingIsWrong(Map.of("h2", 256L, "h3", 256L));
        cloud.hosts.emptiesItself("h2", VM);
        nothingIsWrong(Map.of("h2", 256L, "h3", 256L));
        cloud.hosts.moved("h2", VM);
        nothingIsWrong(Map.of("h3", 256L));
    }

    @Test
    void ifItEndsBeforeTheHandoverTheBooksAreAsBefore() throws Exception {
        Migration migration = started();

        cloud.hosts.phase("h1", MigrationPhase.ABORTED, "h4 is gone");
        bridge.follower.step();

        assertThat(bridge.migrations.find(migration.id()).status()).isEqualTo(Status.FAILED);
        nothingIsWrong(BEFORE);
    }

    @Test
    void ifNoOtherHostHasRoomItIsRefusedAndNothingIsBooked() throws Exception {
        cloud.placement.host("h4", 100, true);

        assertThatThrownBy(() -> bridge.migrations.plan(onHost("h1"), "h2"))
                .isInstanceOfSatisfying(RefusedException.class, e -> {
                    assertThat(e.code()).isEqualTo("no-sub-hosts");
                    assertThat(e.text())
                            .startsWith(
                                    "h2 keeps 128 MB of the VM, and no other host has room for them: no sub-hosts for"
                                            + " 128 MB of a VM on h2: the 1 that can be used have room for 100 MB");
                });
        Plan plan = bridge.migrations.dryRun(onHost("h1"), "h2");
        assertThat(plan.outcome()).isEqualTo(Plan.Outcome.REFUSED);
        assertThat(plan.reason()).isEqualTo("no-sub-hosts");
        nothingIsWrong(BEFORE);
        assertThat(cloud.told).noneMatch(told -> told.startsWith("planned"));
    }

    /** Its source would, but splitmemd does not let a source keep pages. */
    @Test
    void itsFormerHostDoesNotTakeThem() throws Exception {
        cloud.placement.host("h4", 100, true).host("h1", 9000, true);

        assertThat(bridge.migrations.dryRun(onHost("h1"), "h2").explanation())
                .anyMatch(line -> line.startsWith("h1: is the source; "));
    }

    /** The host has room for all of it besides what it keeps, as it needs both until the VM runs there. */
    @Test
    void itIsGatheredThereIfThereIsRoom() throws Exception {
        cloud.placement.host("h2", 128 + 256 + 256, true);

        Migration migration = started();

        assertThat(migration.reason())
                .isEqualTo("512 MB whole on h2: it has 256 MB free; the VM is split, and what its sub-hosts have comes"
                        + " there as soon as it runs there: {h3=128}, and 128 MB of it are in the store of h2 already");
        assertThat(cloud.hosts.migrationAsked("h1"))
                .isEqualTo("{\"destination\":\"h2\",\"budgetBytes\":536870912,\"subHosts\":[],\"handover\":\"hybrid\","
                        + "\"id\":\"" + migration.id() + "\"}");
        Map<String, Long> both = Map.of("h2", 128L + 256, "h3", 128L);
        nothingIsWrong(both);
        done(migration);
        nothingIsWrong(both);
        cloud.hosts.emptiesItself("h2", VM);
        nothingIsWrong(both);
        cloud.hosts.leaves("h2", VM, "h3");
        assertThat(bridge.reconciler.round().failed()).isZero();
        nothingIsWrong(Map.of("h2", 128L + 256));
        cloud.hosts.runs("h2", VM, 512);
        nothingIsWrong(Map.of("h2", 256L));
        assertThat(cloud.told).endsWith("moved {h2=256}");
    }

    @Test
    void itsStoreMayBeEmptyBeforeTheOthersAre() throws Exception {
        cloud.placement.host("h2", 128 + 256 + 256, true);
        done(started());

        cloud.hosts.leaves("h2", VM, "h2");
        assertThat(bridge.reconciler.round().failed()).isZero();

        nothingIsWrong(Map.of("h2", 256L, "h3", 128L));
        cloud.hosts.runs("h2", VM, 512);
        nothingIsWrong(Map.of("h2", 256L));
    }

    @Test
    void itIsGatheredOnItsOnlySubHost() throws Exception {
        cloud.placement.host("h2", 256 + 256 + 256, true);
        isSplitWith(Map.of("h2", 256L));

        Migration migration = started();

        assertThat(migration.whole()).isTrue();
        nothingIsWrong(Map.of("h2", 512L));
        done(migration);
        nothingIsWrong(Map.of("h2", 512L));
        cloud.hosts.runs("h2", VM, 512);
        nothingIsWrong(Map.of("h2", 256L));
        assertThat(cloud.told).endsWith("moved {h2=256}");
    }

    @Test
    void ifItCannotBeGatheredThereTheBooksAreAsBefore() throws Exception {
        cloud.placement.host("h2", 128 + 256 + 256, true);
        started();

        cloud.hosts.phase("h1", MigrationPhase.ABORTED, "no luck");
        bridge.follower.step();

        nothingIsWrong(BEFORE);
    }

    @Test
    void whatANewSubHostIsPromisedIsNotPromisedTwice() throws Exception {
        cloud.hosts.lends("h4", 16 + 128 + 16 + 200);
        Vm other = new Vm(new UUID(0x4000, 7), "db2", "h1", 512, 256, "project", "user");
        cloud.placement.host("h1", 256, true).host("h3", 128, true);
        String id = bridge.migrations.plan(onHost("h1"), "h2").id();
        PlanInput starts = new PlanInput(other, Cloud.SPECS, null);

        assertThat(bridge.placements.dryRun(starts).summary()).contains("the 1 that can be used have room for 200 MB");

        bridge.migrations.start(id);
        assertThat(bridge.placements.dryRun(starts).outcome()).isEqualTo(Plan.Outcome.SPLIT);
    }

    private UUID another() {
        UUID other = new UUID(0x4000, 7);
        cloud.nova.server(VM, "h1");
        cloud.nova.group("anti-affinity", 1, VM, other);
        cloud.nova.server(other, null);
        return other;
    }

    @Test
    void aSubHostThatStaysMayHaveMemoryOfItsServerGroup() throws Exception {
        cloud.placement.claim(Consumers.of(another()), "SPLITMEM", "h3", 10);

        assertThat(bridge.migrations.plan(onHost("h1"), "h2").subHosts()).isEqualTo(AFTER);
    }

    /** The other one books in the moment between our choice and our booking. */
    @Test
    void aNewSubHostMayNot() throws Exception {
        UUID other = another();
        cloud.placement.before(
                "PUT", Consumers.of(VM), () -> cloud.placement.claim(Consumers.of(other), "SPLITMEM", "h4", 10));

        assertThatThrownBy(() -> bridge.migrations.plan(onHost("h1"), "h2"))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("anti-affinity: server " + other);
        assertThat(cloud.booked()).isEqualTo(BEFORE);
    }

    @Test
    void aHostOfAnEarlierVersionRefusesIt() throws Exception {
        cloud.hosts.isOlder("h1");

        assertThatThrownBy(this::started).isInstanceOfSatisfying(RefusedException.class, e -> {
            assertThat(e.code()).isEqualTo("refused-by-host");
            assertThat(e.text()).contains("h2 is a sub-host of VM db1");
        });

        assertThat(bridge.listed(Status.FAILED)).hasSize(1);
        nothingIsWrong(BEFORE);
    }

    @Test
    void itDoesNotMoveOnBeforeItsHostsStoreIsEmpty() throws Exception {
        done(started());

        assertThatThrownBy(() -> bridge.migrations.plan(onHost("h2"), "h1"))
                .isInstanceOfSatisfying(
                        RefusedException.class, e -> assertThat(e.code()).isEqualTo("being-emptied"));
    }

    /** Though it is drained, it is emptied already. */
    @Test
    void aMainHostThatIsDrainedEmptiesItsStoreByItself() throws Exception {
        done(started());

        assertThat(bridge.drains.begin("h2").leaving()).hasSize(1);

        nothingIsWrong(DURING);
        cloud.hosts.leaves("h2", VM, "h2");
        cloud.pass(Duration.ofSeconds(5));
        bridge.drains.step();
        assertThat(cloud.booked()).isEqualTo(AFTER);
    }
}
