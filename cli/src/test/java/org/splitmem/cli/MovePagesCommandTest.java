package org.splitmem.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.cli.FakeDaemon.Reply;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.Json;
import org.splitmem.model.VmInfo;

@Timeout(30)
class MovePagesCommandTest {
    private static final VmInfo MOVING = Infos.moving(200, null);
    private static final VmInfo STUCK = Infos.moving(150, "h4: no route to host");
    private static final VmInfo DONE = Infos.split(Map.of("h2", 292L), null);

    private final Cli cli = new Cli();
    private FakeDaemon daemon;

    @BeforeEach
    void start() throws IOException {
        daemon = new FakeDaemon().on("POST /v1/vms/vm1/move-pages", Reply.ok(MOVING));
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
    private void becomes(VmInfo... states) {
        Queue<VmInfo> left = new ConcurrentLinkedQueue<>(List.of(states));
        daemon.on("GET /v1/vms/" + Infos.UUID, body -> Reply.ok(left.size() > 1 ? left.remove() : left.element()));
    }

    @Test
    void itSaysHowMuchIsToGo() {
        assertThat(run("move-pages", "vm1", "--from", "h3")).isZero();

        assertThat(daemon.requests()).containsExactly("POST /v1/vms/vm1/move-pages {\"from\":\"h3\",\"to\":[]}");
        assertThat(cli.out()).isEqualTo("vm1: moving from h3: 200.0 MiB to go, 100.0 MiB/s, 0:02 left\n");
    }

    @Test
    void hostsThatTakeThePagesMayHaveALimit() {
        assertThat(run(
                        "move-pages",
                        "vm1",
                        "--from",
                        "h3",
                        "--to",
                        "h4",
                        "--to",
                        "h5=128MiB",
                        "--bandwidth",
                        "1Gbit",
                        "--json"))
                .isZero();

        assertThat(daemon.requests())
                .containsExactly("POST /v1/vms/vm1/move-pages {\"from\":\"h3\",\"to\":[{\"host\":\"h4\"},"
                        + "{\"host\":\"h5\",\"bytes\":134217728}],\"bandwidthBytesPerSecond\":125000000}");
        assertThat(Json.read(cli.out(), VmInfo.class)).isEqualTo(MOVING);
    }

    @Test
    void aRefusalIsSaidAsItCame() {
        daemon.on("POST /v1/vms/vm1/move-pages", Reply.error(507, "no-room", "h4 has no room for 200 MiB"));

        assertThat(run("move-pages", "vm1", "--from", "h3", "--to", "h4", "--wait"))
                .isEqualTo(1);

        assertThat(cli.err()).isEqualTo("splitmem: h4 has no room for 200 MiB\n");
    }

    @Test
    void itWaitsUntilTheHostIsEmpty() {
        becomes(Infos.gone(), STUCK, DONE);

        assertThat(run("move-pages", "vm1", "--from", "h3", "--wait")).isZero();

        assertThat(cli.out()).isEqualTo("h3 keeps nothing of vm1 any more\n");
        assertThat(cli.err()).isEqualTo("vm1: moving from h3: 200.0 MiB to go, 100.0 MiB/s, 0:02 left\n");
    }

    @Test
    void whatWasEmptyAtOnceIsNotWaitedFor() {
        daemon.on("POST /v1/vms/vm1/move-pages", Reply.ok(DONE));

        assertThat(run("move-pages", "vm1", "--from", "h3", "--wait")).isZero();

        assertThat(cli.out()).isEqualTo("h3 keeps nothing of vm1 any more\n");
        assertThat(cli.err()).isEmpty();
    }

    @Test
    void itSaysWhyNothingMoves() {
        daemon.on("POST /v1/vms/vm1/move-pages", Reply.ok(STUCK));
        becomes(DONE);

        assertThat(run("move-pages", "vm1", "--from", "h3", "--wait")).isZero();

        assertThat(cli.err()).isEqualTo("vm1: moving from h3: 150.0 MiB to go; trouble: h4: no route to host\n");
    }

    @Test
    void showHasALineForEachHostThatIsEmptied() {
        daemon.on("GET /v1/vms/vm1", Reply.ok(STUCK)).on("GET /v1/migrations", Reply.ok(List.of()));

        assertThat(run("show", "vm1")).isZero();

        assertThat(cli.out()).contains("\nmoving        from h3: 150.0 MiB to go; trouble: h4: no route to host\n");
    }

    @Test
    void aWaitFailsIfAnotherCancels() {
        becomes(Infos.split(Map.of("h2", 142L, "h3", 150L), null));

        assertThat(run("move-pages", "vm1", "--from", "h3", "--wait")).isEqualTo(1);

        assertThat(cli.out()).isEmpty();
        assertThat(cli.err()).endsWith("splitmem: h3 is emptied no more: it keeps 150.0 MiB of vm1\n");
    }

    @Test
    void aWaitFailsIfThePagesGoElsewhere() {
        becomes(Infos.split(Map.of("h2", 142L, "h3", 150L), new GatherInfo(292, 0, null, null, null)));

        assertThat(run("move-pages", "vm1", "--from", "h3", "--wait")).isEqualTo(1);

        assertThat(cli.err())
                .endsWith("splitmem: vm1 is being gathered here: the 150.0 MiB that h3 keeps go to no other host\n");
    }

    @Test
    void aVmThatIsWholeHasNothingThere() {
        becomes(Infos.whole());

        assertThat(run("move-pages", "vm1", "--from", "h3", "--wait")).isZero();

        assertThat(cli.out()).isEqualTo("vm1 is whole here: h3 keeps nothing of it\n");
    }

    @Test
    void aWaitEndsWithTheVm() {
        becomes(Infos.ended());

        assertThat(run("move-pages", "vm1", "--from", "h3", "--wait")).isEqualTo(1);

        assertThat(cli.err()).endsWith("splitmem: vm1 has ended; it starts again as it was split\n");
    }

    @Test
    void cancelSaysWhatStays() {
        daemon.on("DELETE /v1/vms/vm1/move-pages/h3", Reply.ok(Infos.split(Map.of("h2", 142L, "h3", 150L), null)));

        assertThat(run("move-pages", "vm1", "--from", "h3", "--cancel")).isZero();

        assertThat(daemon.requests()).containsExactly("DELETE /v1/vms/vm1/move-pages/h3");
        assertThat(cli.out()).isEqualTo("h3 is emptied no more: it keeps 150.0 MiB of vm1\n");
    }

    @Test
    void anyNameIsOneSegmentOfThePath() {
        run("move-pages", "a/b", "--from", "..", "--cancel");

        assertThat(daemon.requests()).containsExactly("DELETE /v1/vms/a%2Fb/move-pages/%2E%2E");
    }
}
