package org.splitmem.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.cli.FakeDaemon.Reply;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationKind;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;
import org.splitmem.model.VmInfo;

@Timeout(30)
class QueryCommandsTest {
    private final Cli cli = new Cli();
    private FakeDaemon daemon;

    @BeforeEach
    void start() throws IOException {
        daemon = new FakeDaemon()
                .on("GET /v1/vms", Reply.ok(List.of(Infos.vm())))
                .on("GET /v1/vms/vm1", Reply.ok(Infos.vm()))
                .on("GET /v1/vms/vm2", Reply.error(404, "vm-not-found", "no VM vm2\n  on this host"))
                .on("PUT /v1/vms/vm1/budget", Reply.ok(Infos.vm()))
                .on("POST /v1/vms/vm1/gather", Reply.ok(Infos.gathered()))
                .on("POST /v1/vms/vm1/split", Reply.ok(Infos.vm()))
                .on("DELETE /v1/vms/vm1/split", new Reply(204, ""))
                .on("DELETE /v1/vms/vm2/split", Reply.error(404, "not-expected", "VM vm2 is not expected"))
                .on("GET /v1/hosts", Reply.ok(Infos.hosts()))
                .on("GET /v1/operations", Reply.ok(List.of(emptied())))
                .on(
                        "GET /v1/migrations",
                        Reply.ok(List.of(
                                Infos.migration(MigrationPhase.PRECOPY),
                                Infos.migration(MigrationPhase.ABORTED, "h3 died"))))
                .on("POST /v1/migrations/m1/complete", Reply.ok(Infos.migration(MigrationPhase.PRECOPY)))
                .on("DELETE /v1/migrations/m1", Reply.ok(Infos.migration(MigrationPhase.ABORTED, "asked to")));
    }

    @AfterEach
    void stop() throws IOException {
        daemon.close();
    }

    private int run(String... args) {
        String[] all = new String[args.length + 2];
        System.arraycopy(args, 0, all, 0, args.length);
        all[args.length] = "--socket";
        all[args.length + 1] = daemon.socket().toString();
        return cli.run(all);
    }

    @Test
    void vmsAreATable() {
        assertThat(run("vms")).isZero();

        assertThat(cli.out().lines())
                .hasSize(2)
                .last()
                .asString()
                .matches("vm1 +" + Infos.UUID
                        + " +split +512.0 MiB +128.0 MiB +120.0 MiB +292.0 MiB +100.0 MiB +32.0 MiB +9503");
    }

    @Test
    void forgetSaysWhatFollows() {
        assertThat(run("forget", "vm1")).isZero();
        assertThat(cli.out()).contains("vm1 is forgotten: it starts whole");

        assertThat(run("forget", "vm2")).isEqualTo(1);
        assertThat(cli.err()).contains("VM vm2 is not expected");
    }

    @Test
    void programsGetTheRecordsThemselves() {
        assertThat(run("--json", "vms")).isZero();
        assertThat(run("show", "vm1", "--json")).isZero();

        assertThat(cli.out().lines())
                .hasSize(2)
                .allMatch(line -> Json.read(line, VmInfo.class).equals(Infos.vm()));
    }

    @Test
    void showTellsWhereTheMemoryIsAndHowLongPageInsTake() {
        assertThat(run("show", "vm1")).isZero();

        assertThat(cli.out().lines())
                .contains(
                        "state         split, epoch 3",
                        "resident      120.0 MiB (23%)",
                        "on h2         92.0 MiB (18%)",
                        "on h3         200.0 MiB (39%)",
                        "zero          100.0 MiB (20%)",
                        "working set   32.0 MiB (6%)",
                        "page-ins      9503, of which 64 read ahead",
                        "page-outs     222",
                        "page-in time  50% 25 us, 90% 61 us, 99% 1.3 ms, longest 2.0 s");
    }

    @Test
    void showTellsWhoIsTheNextOwnerAndWhatStays() {
        daemon.on(
                "GET /v1/migrations",
                Reply.ok(List.of(
                        Infos.migration(MigrationPhase.DONE),
                        Infos.migration(MigrationPhase.PRECOPY, MigrationKind.PARTIAL))));
        assertThat(run("show", "vm1")).isZero();
        assertThat(cli.out().lines())
                .contains("migrates      partial, next owner h2: precopy, 156.0 MiB of 400.0 MiB left;"
                        + " 366.0 MiB stay on sub-hosts");

        daemon.on("GET /v1/migrations", Reply.ok(List.of(Infos.migration(MigrationPhase.DONE, MigrationKind.GATHER))));
        assertThat(run("show", "vm1")).isZero();
        assertThat(cli.out()).containsOnlyOnce("migrates");
    }

    @Test
    void hostsThatAreAwayAreListedWithTheReason() {
        assertThat(run("hosts")).isZero();

        assertThat(cli.out().lines()).hasSize(3);
        assertThat(cli.out())
                .containsPattern("h2 +10.78.0.2:7779 +1.0 GiB +64.0 MiB +16.0 MiB +8.0 MiB +2 +0.1.0 +6.18.0 +ok")
                .contains("not reachable: connection refused");
    }

    @Test
    void migrationsShowTheReasonOfTheirEnd() {
        assertThat(run("migrations")).isZero();

        assertThat(cli.out())
                .containsPattern("m1 +vm1 +precopy +h1 +h2 +244.0 MiB +400.0 MiB +118.0 MiB/s +1:12")
                .containsPattern("m1 +vm1 +aborted .* - +- +h3 died");
    }

    private static OperationInfo emptied() {
        return new OperationInfo(
                OperationKind.MOVE_PAGES,
                Infos.UUID,
                "vm1",
                "h3",
                null,
                "PAGED",
                300L << 20,
                100L << 20,
                3L,
                "h5 has no room",
                "splitmem move-pages vm1 --from h3 --cancel",
                "o1",
                OperationState.RUNNING,
                1_790_000_000_000L,
                null,
                null);
    }

    private static OperationInfo failed() {
        return new OperationInfo(
                OperationKind.SPLIT,
                Infos.UUID,
                "vm1",
                "h1",
                null,
                "FAILED",
                null,
                0,
                null,
                null,
                null,
                "o2",
                OperationState.FAILED,
                1_790_000_000_000L,
                1_790_000_001_999L,
                "h4 refused");
    }

    @Test
    void operationsSayWhatIsUnderWayAndWhatEndsIt() {
        assertThat(run("operations")).isZero();

        assertThat(cli.out())
                .containsPattern("o1 +move-pages +vm1 +h3 +- +PAGED +300.0 MiB +100.0 MiB/s +0:03 +"
                        + "splitmem move-pages vm1 --from h3 --cancel +h5 has no room");
    }

    @Test
    void operationsThatAreOverSayWhatBecameOfThem() {
        daemon.on("GET /v1/operations", Reply.ok(List.of(emptied(), failed())));

        assertThat(run("operations", "--ended")).isZero();

        assertThat(cli.out().lines())
                .hasSize(2)
                .last()
                .asString()
                .matches("o2 +split +vm1 +h1 +- +2026-09-21T14:13:20Z +2026-09-21T14:13:21Z +FAILED +h4 refused");
    }

    /** It has no ids and no states. */
    @Test
    void operationsOfAnEarlierDaemonAreListed() {
        daemon.on(
                "GET /v1/operations",
                new Reply(200, "[{\"kind\":\"drain\",\"phase\":\"DRAINING\",\"rateBytesPerSecond\":0}]"));

        assertThat(run("operations")).isZero();

        assertThat(cli.out()).containsPattern("- +drain +- +- +- +DRAINING");
    }

    @Test
    void cancelSaysWhatBecomesOfIt() {
        daemon.on("DELETE /v1/operations/o1", Reply.ok(emptied())).on("DELETE /v1/operations/o2", Reply.ok(failed()));

        assertThat(run("cancel", "o1", "--reason", "enough")).isZero();
        assertThat(run("cancel", "o2")).isZero();

        assertThat(cli.out().lines())
                .containsExactly("move-pages o1 of vm1 is about to end", "split o2 of vm1 is over, failed: h4 refused");
    }

    @Test
    void gatherSaysHowMuchIsToCome() {
        assertThat(run("gather", "vm1", "--bandwidth", "1Gbit")).isZero();

        assertThat(daemon.requests())
                .containsExactly("POST /v1/vms/vm1/gather {\"bandwidthBytesPerSecond\":125000000}");
        assertThat(cli.out())
                .isEqualTo(
                        "vm1 is being gathered here: 292.0 MiB to come, 100.0 MiB/s, 0:03 left; waits for h2: no route\n");
    }

    @Test
    void gatherWaitsUntilTheVmIsWhole() {
        Queue<VmInfo> states = new ConcurrentLinkedQueue<>(List.of(Infos.gathered(), Infos.whole()));
        daemon.on("GET /v1/vms/" + Infos.UUID, body -> Reply.ok(states.size() > 1 ? states.remove() : states.peek()));

        assertThat(run("gather", "vm1", "--wait")).isZero();

        assertThat(cli.out()).isEqualTo("vm1 is whole here\n");
        assertThat(cli.err()).startsWith("vm1: 292.0 MiB to come");
    }

    @Test
    void gatherEndsWhenTheBudgetIsLowered() {
        daemon.on("GET /v1/vms/" + Infos.UUID, Reply.ok(Infos.vm()));

        assertThat(run("gather", "vm1", "--wait")).isEqualTo(1);

        assertThat(cli.err()).contains("vm1 is gathered no more: its budget is 128.0 MiB now");
    }

    private void isAnswered(Reply later) {
        daemon.on("GET /v1/vms/" + Infos.UUID, later);
    }

    @Test
    void aWaitEndsWithTheVm() {
        isAnswered(Reply.error(404, "vm-not-found", "no VM vm1"));

        assertThat(run("gather", "vm1", "--wait")).isEqualTo(1);

        assertThat(cli.err()).endsWith("splitmem: vm1 has ended, or has left this host\n");
    }

    @Test
    void aWaitEndsWithASplitVmThatWillStartSplit() {
        isAnswered(Reply.ok(Infos.ended()));

        assertThat(run("gather", "vm1", "--wait")).isEqualTo(1);

        assertThat(cli.err()).endsWith("splitmem: vm1 has ended; it starts again as it was split\n");
    }

    /** The JVM's own answer to Ctrl-C is to end without a word. */
    @Test
    void aWaitThatIsInterruptedSaysThatTheWorkGoesOn() throws Exception {
        isAnswered(Reply.ok(Infos.gathered()));
        Process waiting = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName(),
                        "gather",
                        "vm1",
                        "--wait",
                        "--socket",
                        daemon.socket().toString())
                .start();
        try (var err = waiting.errorReader()) {
            assertThat(err.readLine()).startsWith("vm1: 292.0 MiB to come");

            waiting.toHandle().destroy(); // that of Process closes the streams, too

            assertThat(err.lines()).endsWith("", "splitmem: interrupted; the VM is gathered on");
        } finally {
            waiting.destroyForcibly().waitFor();
        }
    }

    @Test
    void budgetIsGivenAsASize() {
        assertThat(run("budget", "vm1", "128MiB")).isZero();

        assertThat(daemon.requests()).containsExactly("PUT /v1/vms/vm1/budget {\"bytes\":134217728}");
        assertThat(cli.out()).isEqualTo("vm1: budget 128.0 MiB, resident 120.0 MiB\n");
    }

    @Test
    void splitTellsWhatStaysAndWhoKeepsTheRest() {
        assertThat(run("split", "vm1", "--budget", "128MiB", "--sub-host", "h2", "--sub-host", "h3=256MiB"))
                .isZero();

        assertThat(daemon.requests())
                .containsExactly("POST /v1/vms/vm1/split {\"budgetBytes\":134217728,"
                        + "\"subHosts\":[{\"host\":\"h2\"},{\"host\":\"h3\",\"bytes\":268435456}]}");
        assertThat(cli.out()).isEqualTo("vm1 is split: budget 128.0 MiB, resident 120.0 MiB; page-outs follow\n");
        assertThat(run("split", "vm1", "--sub-host", "h2")).isEqualTo(2);
    }

    private void phasesAfterAbort(MigrationPhase answered, MigrationPhase... later) {
        Queue<MigrationPhase> left = new ConcurrentLinkedQueue<>(List.of(later));
        daemon.on("DELETE /v1/migrations/m1", Reply.ok(Infos.migration(answered)))
                .on(
                        "GET /v1/migrations/m1",
                        body -> Reply.ok(
                                Infos.migration(left.size() > 1 ? left.remove() : left.element(), "asked to")));
    }

    /** The hypervisor may have moved the VM by then. */
    @Test
    void abortSaysWhereTheVmRunsAndFailsIfItHasMoved() {
        phasesAfterAbort(MigrationPhase.SWITCHOVER, MigrationPhase.SWITCHOVER, MigrationPhase.DONE);

        assertThat(run("abort", "vm1")).isEqualTo(1);

        assertThat(cli.out()).isEmpty();
        assertThat(cli.err())
                .isEqualTo("splitmem: migration m1 of vm1 could not be aborted any more: the VM runs at h2\n");
    }

    @Test
    void abortWaitsForTheEndOfTheMigration() {
        phasesAfterAbort(MigrationPhase.PRECOPY, MigrationPhase.PRECOPY, MigrationPhase.ABORTED);

        assertThat(run("abort", "vm1")).isZero();

        assertThat(cli.out()).isEqualTo("migration m1 of vm1 aborted: asked to; the VM is still at h1\n");
    }

    @Test
    void abortDoesNotWaitForEverAndSaysThatItIsNotOver() {
        cli.patience = Duration.ofMillis(20);
        phasesAfterAbort(MigrationPhase.SWITCHOVER, MigrationPhase.SWITCHOVER);

        assertThat(run("abort", "vm1")).isEqualTo(1);

        assertThat(cli.err()).contains("is to be aborted, but is still in switchover");
    }

    @Test
    void abortTakesTheNameOfTheVmOrTheId() {
        assertThat(run("abort", "vm1")).isZero();
        assertThat(run("abort", "m1")).isZero();
        assertThat(run("abort", "vm7")).isEqualTo(1);

        assertThat(daemon.requests())
                .filteredOn("DELETE /v1/migrations/m1?reason=aborted+by+the+operator+%28splitmem+abort%29"::equals)
                .hasSize(2);
        assertThat(cli.out()).contains("migration m1 of vm1 aborted: asked to; the VM is still at h1");
        assertThat(cli.err()).contains("no migration with the id vm7, nor a running one of a VM vm7");
    }

    @Test
    void completeTakesTheNameOfTheVmOrTheId() {
        assertThat(run("complete", "vm1")).isZero();
        assertThat(run("complete", "m1")).isZero();
        assertThat(run("complete", "vm7")).isEqualTo(1);

        assertThat(daemon.requests())
                .filteredOn("POST /v1/migrations/m1/complete"::equals)
                .hasSize(2);
        assertThat(cli.out()).contains("migration m1 of vm1 is precopy, in round 2; no further one");
        assertThat(cli.err()).contains("no migration with the id vm7, nor a running one of a VM vm7");
    }

    @Test
    void aRefusalIsOneLineAndStatusOne() {
        assertThat(run("show", "vm2")).isEqualTo(1);

        assertThat(cli.err()).isEqualTo("splitmem: no VM vm2 on this host\n");
        assertThat(cli.out()).isEmpty();
    }

    @Test
    void onlyVerboseShowsWhereAnErrorCameFrom() {
        assertThat(run("show", "vm2", "--verbose")).isEqualTo(1);

        assertThat(cli.err()).contains("at org.splitmem.cli.control.");
    }

    @Test
    void aMissingDaemonIsOneLineAndStatusOne() {
        assertThat(cli.run("vms", "--socket", "/nowhere/s")).isEqualTo(1);

        assertThat(cli.err()).hasLineCount(1).startsWith("splitmem: cannot talk to splitmemd at /nowhere/s: ");
    }
}
