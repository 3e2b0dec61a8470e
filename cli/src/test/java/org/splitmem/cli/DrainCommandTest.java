package org.splitmem.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.cli.FakeDaemon.Reply;
import org.splitmem.model.HostInfo;
import org.splitmem.model.HostStatus;
import org.splitmem.model.Json;
import org.splitmem.model.LeavingVm;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.LendingState;

@Timeout(30)
class DrainCommandTest {
    private static final long MIB = 1 << 20;
    private static final String LENDING = "/v1/hosts/h3/lending";
    private static final LendingInfo LENDS = info(LendingState.LENDING, null, 0);
    private static final LendingInfo EMPTY = info(LendingState.EMPTY, null, 0);
    private static final LendingInfo DRAINING = info(LendingState.DRAINING, null, 200, vm("db1", 200, null));

    private final Cli cli = new Cli();
    private FakeDaemon daemon;

    private static LeavingVm vm(@Nullable String name, long mib, @Nullable String trouble) {
        return new LeavingVm(Infos.UUID, name, "h1", 512 * MIB, mib * MIB, trouble == null, trouble);
    }

    private static LendingInfo info(LendingState state, @Nullable Long setMib, long leftMib, LeavingVm... vms) {
        long rate = leftMib == 0 ? 0 : 100 * MIB;
        return new LendingInfo(
                "h3",
                state,
                setMib == null ? 1024 * MIB : setMib * MIB,
                1024 * MIB,
                setMib == null ? null : setMib * MIB,
                512 * MIB,
                256 * MIB,
                leftMib * MIB,
                rate,
                leftMib == 0 ? null : 2L,
                List.of(vms));
    }

    private static LendingInfo stuck() {
        return info(LendingState.DRAINING, null, 0, vm(null, 150, "host h1 does not answer: no route"));
    }

    @BeforeEach
    void start() throws IOException {
        daemon = new FakeDaemon()
                .on("POST " + LENDING + "/drain", Reply.ok(DRAINING))
                .on("GET " + LENDING, Reply.ok(LENDS));
    }

    @AfterEach
    void stop() throws IOException {
        daemon.close();
    }

    private int run(String... args) {
        String[] all = Arrays.copyOf(args, args.length + 2);
        all[args.length] = "--socket";
        all[args.length + 1] = daemon.socket().toString();
        return cli.run(all);
    }

    /** The last one again and again. */
    private void becomes(LendingInfo... states) {
        Queue<LendingInfo> left = new ConcurrentLinkedQueue<>(List.of(states));
        daemon.on("GET " + LENDING, body -> Reply.ok(left.size() > 1 ? left.remove() : left.element()));
    }

    @Test
    void itSaysHowMuchIsToGoAndOfWhom() {
        assertThat(run("drain", "h3")).isZero();

        assertThat(daemon.requests()).containsExactly("POST " + LENDING + "/drain {\"to\":[]}");
        assertThat(cli.out()).isEqualTo("""
                h3 is being drained: 200.0 MiB of 1 VM to go, 100.0 MiB/s, 0:02 left
                VM   MAIN HOST   RESERVED       LEFT  STATE   TROUBLE
                db1  h1         512.0 MiB  200.0 MiB  moving  -
                """);
    }

    @Test
    void hostsThatTakeThePagesMayHaveALimit() {
        assertThat(run("drain", "h3", "--to", "h4", "--to", "h5=128MiB", "--json"))
                .isZero();

        assertThat(daemon.requests())
                .containsExactly("POST " + LENDING
                        + "/drain {\"to\":[{\"host\":\"h4\"},{\"host\":\"h5\",\"bytes\":134217728}]}");
        assertThat(Json.read(cli.out(), LendingInfo.class)).isEqualTo(DRAINING);
    }

    @Test
    void itWaitsUntilTheHostIsEmpty() {
        becomes(stuck(), DRAINING, EMPTY);

        assertThat(run("drain", "h3", "--wait")).isZero();

        assertThat(cli.err()).isEqualTo("h3 is being drained: 200.0 MiB of 1 VM to go, 100.0 MiB/s, 0:02 left\n");
        assertThat(cli.out()).isEqualTo("h3 is empty, and lends nothing new until \"splitmem drain h3 --cancel\"\n");
    }

    @Test
    void aWaitEndsWhenNothingMovesAndSaysWhy() {
        daemon.on("POST " + LENDING + "/drain", Reply.ok(stuck()));
        becomes(stuck());

        assertThat(run("drain", "h3", "--wait")).isEqualTo(1);

        assertThat(cli.out()).contains("host h1 does not answer: no route", "150.0 MiB  waiting");
        assertThat(cli.err())
                .contains("  " + Infos.UUID + ": host h1 does not answer: no route\n", "nothing has left h3 for");
    }

    @Test
    void aWaitFailsIfAnotherCancels() {
        becomes(LENDS);

        assertThat(run("drain", "h3", "--wait")).isEqualTo(1);

        assertThat(cli.err()).contains("h3 is drained no more; h3 lends at most 1.0 GiB, as configured");
    }

    @Test
    void aWaitOutlivesADaemonThatIsRestarted() {
        Queue<Reply> left = new ConcurrentLinkedQueue<>(
                List.of(Reply.error(502, "failed", "host h3 does not answer"), Reply.ok(EMPTY)));
        daemon.on("GET " + LENDING, body -> left.size() > 1 ? left.remove() : left.element());

        assertThat(run("drain", "h3", "--wait")).isZero();
    }

    @Test
    void aRefusalIsSaidAsItCame() {
        daemon.on("POST " + LENDING + "/drain", Reply.error(404, "host-not-found", "host h3 is not known"));

        assertThat(run("drain", "h3", "--wait")).isEqualTo(1);

        assertThat(cli.err()).isEqualTo("splitmem: host h3 is not known\n");
    }

    @Test
    void cancelSaysWhatIsLent() {
        daemon.on("DELETE " + LENDING + "/drain", Reply.ok(LENDS));

        assertThat(run("drain", "h3", "--cancel")).isZero();

        assertThat(cli.out())
                .isEqualTo(
                        "drained no more; h3 lends at most 1.0 GiB, as configured; 512.0 MiB are reserved, 256.0 MiB of"
                                + " it hold pages\n");
    }

    @Test
    void lendShowsWhatIsInForceAndWhereFrom() {
        becomes(info(LendingState.LENDING, 768L, 0));

        assertThat(run("lend", "h3")).isZero();

        assertThat(daemon.requests()).containsExactly("GET " + LENDING);
        assertThat(cli.out())
                .isEqualTo(
                        "h3 lends at most 768.0 MiB, as \"splitmem lend\" has set (configured: 1.0 GiB); 512.0 MiB are"
                                + " reserved, 256.0 MiB of it hold pages\n");
    }

    @Test
    void lendSetsAndTakesBack() {
        LendingInfo shrinking = info(LendingState.SHRINKING, 0L, 256, vm("db1", 256, null));
        daemon.on("PUT " + LENDING + "/limit", Reply.ok(shrinking)).on("DELETE " + LENDING + "/limit", Reply.ok(LENDS));

        assertThat(run("lend", "h3", "0", "--to", "h4", "--wait")).isZero();
        assertThat(cli.err()).contains("h3 lends at most 0 B, as", "256.0 MiB of 1 VM to go");
        assertThat(cli.out()).startsWith("h3 lends at most 1.0 GiB, as configured");
        assertThat(run("lend", "h3", "--configured")).isZero();

        assertThat(daemon.requests())
                .containsExactly(
                        "PUT " + LENDING + "/limit {\"bytes\":0,\"to\":[{\"host\":\"h4\"}]}",
                        "GET " + LENDING,
                        "DELETE " + LENDING + "/limit");
    }

    @Test
    void hostsSaysWhichIsDrained() {
        var info = new HostInfo("h3", "0.1.0", 1, "6.18.0", 64 * MIB, 0, 0, 0, 2, null, null, null, true);
        daemon.on("GET /v1/hosts", Reply.ok(List.of(new HostStatus("h3", "10.78.0.3", true, info, null))));

        assertThat(run("hosts")).isZero();

        assertThat(cli.out()).contains("  draining\n");
    }
}
