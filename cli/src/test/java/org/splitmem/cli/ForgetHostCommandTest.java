package org.splitmem.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.cli.FakeDaemon.Reply;
import org.splitmem.model.FenceResult;
import org.splitmem.model.FenceResult.Freed;

class ForgetHostCommandTest {
    private static final String OTHER = "6d1f0000-0000-0000-0000-000000000002";

    private final Cli cli = new Cli();
    private FakeDaemon daemon;

    @BeforeEach
    void start() throws Exception {
        daemon = new FakeDaemon();
    }

    @AfterEach
    void stop() throws Exception {
        daemon.close();
    }

    private int run(String... words) {
        String[] all = new String[words.length + 2];
        all[0] = "--socket";
        all[1] = daemon.socket().toString();
        System.arraycopy(words, 0, all, 2, words.length);
        return cli.run(all);
    }

    private void answer(List<Freed> freed, String... unreachable) {
        daemon.on("POST /v1/fences", Reply.ok(new FenceResult(freed, List.of(unreachable), List.of())));
    }

    @ParameterizedTest
    @ValueSource(strings = {"forget-host", "fence"})
    void whatWasFreedIsListedAndAddedUp(String command) {
        answer(List.of(
                new Freed("h3", Infos.UUID, 512 << 20),
                new Freed("h4", Infos.UUID, 256 << 20),
                new Freed("h4", OTHER, 256 << 20)));

        assertThat(run(command, "h2")).isZero();

        assertThat(daemon.requests()).containsExactly("POST /v1/fences {\"host\":\"h2\"}");
        assertThat(cli.out())
                .contains("h3    " + Infos.UUID, "h4    " + OTHER)
                .contains("freed 1.0 GiB of 2 VMs of h2, on 2 hosts\n");
    }

    @Test
    void aHostForWhichNothingWasKeptIsSaidAsSuch() {
        answer(List.of());

        assertThat(run("forget-host", "h2", "--vm", Infos.UUID)).isZero();

        assertThat(daemon.requests().get(0)).contains("\"vm\":\"" + Infos.UUID + "\"");
        assertThat(cli.out()).isEqualTo("nothing was kept for h2\n");
    }

    @Test
    void hostsThatWereNotReachedAreNamed() {
        answer(List.of(new Freed("h3", Infos.UUID, 1 << 20)), "h4", "h5");

        assertThat(run("forget-host", "h2")).isZero();

        assertThat(cli.out()).contains("freed 1.0 MiB of 1 VM of h2, on 1 host\n", "not reached: h4, h5;");
    }

    @Test
    void whatStaysBecauseAVmMayHaveMigratedIsNamedWithTheCommandThatFreesIt() {
        daemon.on(
                "POST /v1/fences",
                Reply.ok(new FenceResult(
                        List.of(), List.of("h4"), List.of(new FenceResult.Kept("h3", OTHER, 256 << 20, "h4")))));

        assertThat(run("forget-host", "h2")).isZero();

        assertThat(cli.out())
                .contains("nothing is freed of h2\n", "h3 keeps 256.0 MiB of VM " + OTHER, "migrated to h4")
                .contains("splitmem forget-host h2 --vm " + OTHER + "\n");
    }

    @Test
    void aHostThatAnswersIsNotForgotten() {
        daemon.on(
                "POST /v1/fences", Reply.error(409, "host-not-fenced", "splitmemd of h2 answers: power that host off"));

        assertThat(run("forget-host", "h2")).isEqualTo(1);

        assertThat(cli.err()).isEqualTo("splitmem: splitmemd of h2 answers: power that host off\n");
        assertThat(cli.out()).isEmpty();
    }
}
