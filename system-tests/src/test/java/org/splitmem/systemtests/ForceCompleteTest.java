package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.VmState;

/** A migration whose rounds somebody does not want to wait for. */
@SystemTest
final class ForceCompleteTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    /** With less than this left a migration is ready by itself: migration.stop-pages. */
    private static final long SMALL = 16L << 20;

    private final Testbed bed;
    private final Migrations migrations;

    ForceCompleteTest(Testbed bed) {
        this.bed = bed;
        this.migrations = new Migrations(bed.cluster(), "h1");
    }

    /** All of what it writes is written again in less time than a round takes. */
    @Test
    void itIsReadyAfterTheCurrentRoundHoweverMuchIsDirty() {
        Guest guest = bed.boot(Guest.Spec.named("hurried").workload("mb=120 hot=0.6 sweep=2"), "h1");
        long start = System.currentTimeMillis();
        try (Job job = bed.cli("h1")
                .startMigration(guest, "h2", "--budget", "128MiB", "--sub-host", "h3", "--bandwidth", "25MiB/s")) {
            migrations.awaitCopying(guest, start);

            MigrationInfo answer = bed.cli("h1").complete(guest.name());
            bed.cli("h1").complete(guest.name());

            assertThat(answer.phase()).isEqualTo(MigrationPhase.PRECOPY);
            MigrationInfo ready = migrations.await(
                    guest, "is ready", LIMIT, info -> info.phase().compareTo(MigrationPhase.READY) >= 0);
            assertThat(ready.round()).as("%s", ready).isZero();
            assertThat(ready.bytesRemaining()).as("%s", ready).isGreaterThan(SMALL);
            Job.Result result = job.await(LIMIT);
            assertThat(result.exitCode()).as(result.err()).isZero();
        }
        guest.isAt("h2");
        guest.verifyAll();
        assertThat(guest.info().state()).isEqualTo(VmState.SPLIT);
        Job.Result late = bed.cli("h1").run("complete", migrations.newest(guest).id());
        assertThat(late.exitCode()).isEqualTo(1);
        assertThat(late.err()).contains("is over already: it ended as DONE");
        bed.requireNothingElse(guest);
    }
}
