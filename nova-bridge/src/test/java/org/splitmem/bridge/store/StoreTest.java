package org.splitmem.bridge.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.store.MigrationStore.Filter;

/** On H2 in the mode in which it takes MariaDB's SQL. */
class StoreTest {
    private static final UUID INSTANCE = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final Vm VM = new Vm(INSTANCE, "db1", "h1", 512, 256, "project", "user");

    private final String url =
            "jdbc:h2:mem:" + UUID.randomUUID() + ";MODE=MariaDB;DATABASE_TO_LOWER=TRUE;DB_CLOSE_DELAY=-1";
    private final Database database = new Database(url, "", "", 4);
    private final MigrationStore one = new MigrationStore(database, "bridge-1", 1000);
    private final MigrationStore two = new MigrationStore(database, "bridge-2", 1000);

    @AfterEach
    void end() {
        database.close();
    }

    static Migration planning(String id, long nowMs) {
        return new Migration(
                id,
                VM,
                "h2",
                Status.PLANNING,
                Map.of("splitmem:enabled", "true"),
                Map.of("h1", 256L),
                Map.of(),
                false,
                false,
                Progress.NONE,
                UUID.fromString("07e40000-0000-4000-8000-00000000000a"),
                "req-07e40000-0000-4000-8000-00000000000b",
                null,
                null,
                false,
                nowMs,
                nowMs,
                null);
    }

    @Test
    void aMigrationIsReadAsItWasWritten() {
        Migration migration = planning("m1", 5);

        assertThat(one.begin(migration)).isTrue();

        assertThat(two.find("m1")).contains(migration);
        assertThat(two.find("m2")).isEmpty();
    }

    @Test
    void anInstanceHasOneMigrationAtATime() {
        assertThat(one.begin(planning("m1", 5))).isTrue();
        assertThat(two.begin(planning("m2", 6))).isFalse();

        assertThat(one.end("m1", Status.PLANNING, Status.FAILED, "no room", 7)).isTrue();

        assertThat(two.begin(planning("m2", 8))).isTrue();
        assertThat(two.active(INSTANCE)).map(Migration::id).contains("m2");
        assertThat(two.list(new Filter(INSTANCE, null, null, null), null, 10))
                .extracting(Migration::id)
                .containsExactly("m2", "m1");
        assertThat(two.list(new Filter(null, Status.FAILED, null, null), null, 10))
                .extracting(Migration::reason)
                .containsExactly("no room");
    }

    private void ended(String id, Vm vm, long createdMs, long finishedMs) {
        Migration m = planning(id, createdMs);
        assertThat(one.begin(new Migration(
                        id,
                        vm,
                        m.destination(),
                        m.status(),
                        m.extraSpecs(),
                        m.sourceSide(),
                        m.targetSide(),
                        m.whole(),
                        m.split(),
                        m.progress(),
                        null,
                        null,
                        null,
                        null,
                        false,
                        createdMs,
                        createdMs,
                        null)))
                .isTrue();
        assertThat(one.end(id, Status.PLANNING, Status.FAILED, "no room", finishedMs))
                .isTrue();
    }

    private List<String> listed(Filter filter, @Nullable String after, int most) {
        Migration last = after == null ? null : one.find(after).orElseThrow();
        return two.list(filter, last, most).stream().map(Migration::id).toList();
    }

    @Test
    void migrationsAreListedInPagesNewestFirst() {
        Filter all = new Filter(null, null, null, null);
        ended("m1", VM, 5, 6);
        ended("m3", VM, 7, 8);
        ended("m2", VM, 7, 8);
        ended("m0", VM, 9, 10);

        assertThat(listed(all, null, 10)).containsExactly("m0", "m2", "m3", "m1");
        assertThat(listed(all, null, 2)).containsExactly("m0", "m2");
        assertThat(listed(all, "m2", 2)).containsExactly("m3", "m1");
        assertThat(listed(all, "m1", 2)).isEmpty();
    }

    @Test
    void theFilterIsAppliedBeforeTheLimit() {
        Vm theirs = new Vm(INSTANCE, "db2", "h9", 512, 256, "theirs", "user");
        ended("m1", theirs, 5, 6);
        ended("m2", VM, 7, 8);

        assertThat(listed(new Filter(null, null, null, "theirs"), null, 1)).containsExactly("m1");
        assertThat(listed(new Filter(null, Status.FAILED, "h9", null), null, 1)).containsExactly("m1");
        assertThat(listed(new Filter(INSTANCE, Status.FAILED, "h9", "project"), null, 1))
                .isEmpty();
    }

    @Test
    void whatIsNotOverIsNeverForgotten() {
        ended("m1", VM, 5, 6);
        ended("m2", VM, 5, 7);
        one.begin(planning("m3", 5));

        assertThat(two.forgetBefore(7)).isEqualTo(1);

        assertThat(listed(new Filter(null, null, null, null), null, 10)).containsExactly("m2", "m3");
    }

    @Test
    void ofTwoBridgesOneStartsIt() {
        one.begin(planning("m1", 5));
        one.planned("m1", Map.of("h3", 256L), false, "why", 6);

        assertThat(one.running("m1", 7)).isTrue();
        assertThat(two.running("m1", 7)).isFalse();
        assertThat(one.end("m1", Status.PLANNED, Status.EXPIRED, null, 8)).isFalse();
    }

    @Test
    void anotherBridgeTakesOverWhenALeaseHasRunOut() {
        one.begin(planning("m1", 0));

        assertThat(two.lease("m1", 900)).isFalse();
        assertThat(one.lease("m1", 900)).isTrue();
        assertThat(two.lease("m1", 1800)).isFalse();
        assertThat(two.lease("m1", 1901)).isTrue();
        assertThat(one.lease("m1", 1902)).isFalse();
    }

    @Test
    void theStepsOfAMigrationAreKept() {
        one.begin(planning("m1", 5));
        one.planned("m1", Map.of("h3", 256L), false, "why", 6);
        one.running("m1", 7);
        Progress progress = new Progress("PRECOPY", 100, 40, 60, 7, 9L, null, true);
        one.taken("m1", "d1", progress, 8);
        one.abortAsked("m1");
        one.note("m1", "h1 does not answer");

        Migration now = two.find("m1").orElseThrow();

        assertThat(now.status()).isEqualTo(Status.RUNNING);
        assertThat(now.progress()).isEqualTo(progress);
        assertThat(now.subHosts()).isEqualTo(Map.of("h3", 256L));
        assertThat(now.daemonId()).isEqualTo("d1");
        assertThat(now.abortAsked()).isTrue();
        assertThat(now.reason()).isEqualTo("h1 does not answer");
        assertThat(now.updatedMs()).isEqualTo(8);

        one.progress("m1", progress, null, 9);
        assertThat(two.find("m1").orElseThrow().reason()).as("it answers again").isNull();
    }

    @Test
    void whatIsOverIsNotChangedByThoseWhoComeLate() {
        one.begin(planning("m1", 5));
        one.planned("m1", Map.of("h3", 256L), false, "why", 6);
        one.running("m1", 7);
        assertThat(one.end("m1", Status.RUNNING, Status.COMPLETED, "all is there", 8))
                .isTrue();

        two.progress("m1", Progress.NONE, "late", 9);
        two.note("m1", "late");

        Migration now = two.find("m1").orElseThrow();
        assertThat(now.finishedMs()).isEqualTo(8);
        assertThat(now.reason()).isEqualTo("all is there");
        assertThat(two.end("m1", Status.RUNNING, Status.FAILED, null, 10)).isFalse();
        assertThat(two.active()).isEmpty();
    }

    @Test
    void aVmIsKeptOnce() {
        VmStore vms = new VmStore(database);

        vms.put(PlacedVm.starting(VM, Map.of("h1", 256L), 5));
        vms.put(PlacedVm.starting(VM.on("h2"), Map.of("h3", 256L), 6));

        assertThat(vms.all()).containsExactly(PlacedVm.starting(VM.on("h2"), Map.of("h3", 256L), 6));
        vms.delete(INSTANCE);
        assertThat(vms.find(INSTANCE)).isEmpty();
    }

    @Test
    void aBookingIsSetUnlessTheVmWasPlacedAnew() {
        VmStore vms = new VmStore(database);
        PlacedVm read = PlacedVm.starting(VM, Map.of("h1", 256L), 5);
        vms.put(read);

        vms.rebook(read, Map.of("h3", 256L));
        assertThat(vms.all()).containsExactly(PlacedVm.starting(VM, Map.of("h3", 256L), 5));

        PlacedVm anew = PlacedVm.starting(VM.on("h2"), Map.of("h2", 256L), 6);
        vms.put(anew);
        vms.rebook(read, Map.of("h4", 256L));
        assertThat(vms.all()).containsExactly(anew);
    }

    @Test
    void aStartIsAwaitedUntilItWasSeenUnlessTheVmWasPlacedAnew() {
        VmStore vms = new VmStore(database);
        PlacedVm read = PlacedVm.starting(VM, Map.of("h3", 256L), 5);
        vms.put(read);
        vms.started(read);
        assertThat(vms.all()).containsExactly(read.started());

        vms.put(PlacedVm.running(VM.on("h2"), Map.of("h3", 256L), 6));
        assertThat(vms.all()).noneMatch(PlacedVm::startAwaited);

        PlacedVm anew = PlacedVm.starting(VM.on("h2"), Map.of("h2", 256L), 7);
        vms.put(anew);
        vms.started(read);
        assertThat(vms.all()).containsExactly(anew);
    }

    @Test
    void aVmIsForgottenUnlessItWasPlacedAnew() {
        VmStore vms = new VmStore(database);
        PlacedVm read = PlacedVm.starting(VM, Map.of("h1", 256L), 5);
        PlacedVm anew = PlacedVm.starting(VM.on("h2"), Map.of("h2", 256L), 6);
        vms.put(anew);

        vms.forget(read);
        assertThat(vms.all()).containsExactly(anew);
        vms.forget(anew);
        assertThat(vms.all()).isEmpty();
    }

    @Test
    void aSecondBridgeFindsTheTablesAsTheyAre() {
        one.begin(planning("m1", 5));

        try (Database again = new Database(url, "", "", 2)) {
            assertThat(new MigrationStore(again, "bridge-3", 1000).find("m1")).isPresent();
        }
    }

    @Test
    void aStatementThatTakesTooLongIsEnded() {
        try (Database impatient = new Database(url, "", "", 2, 1)) {
            long start = System.nanoTime();

            assertThatThrownBy(() -> impatient.query(
                            "SELECT SUM(r.n) FROM SYSTEM_RANGE(1, 100000000) r(n) WHERE MOD(r.n, 7) = 3",
                            row -> row.getLong(1)))
                    .isInstanceOf(StoreException.class)
                    .hasMessageContaining("Statement was canceled");

            assertThat(System.nanoTime() - start).isLessThan(20_000_000_000L);
            impatient.check();
        }
    }

    @Test
    void aServerThatSaysNothingAnyMoreIsNotWaitedForForEver() {
        assertThat(Database.config("jdbc:mariadb://controller/splitmem", "u", "p", 2, 10)
                        .getDataSourceProperties())
                .containsEntry("socketTimeout", "15000");
        assertThat(Database.config(url, "", "", 2, 10).getDataSourceProperties())
                .as("H2 refuses what it does not know")
                .isEmpty();
    }

    @Test
    void aDatabaseThatIsNotThereIsNamed() {
        assertThatThrownBy(() -> new Database("jdbc:mariadb://127.0.0.1:1/bridge?connectTimeout=500", "u", "p", 1))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("the database jdbc:mariadb://127.0.0.1:1/bridge")
                .hasMessageContaining("cannot be used");
    }
}
