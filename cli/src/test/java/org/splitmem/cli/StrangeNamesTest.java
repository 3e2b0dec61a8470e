package org.splitmem.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.cli.FakeDaemon.Reply;

/** VMs are named by others: any name arrives at splitmemd as it is, and none steers the terminal that it is printed on. */
class StrangeNamesTest {
    private static final String HOSTILE = "db1\nforged\r\u001b[2J\u202e";

    @TempDir
    Path directory;

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

    private int run(String... args) {
        List<String> all = new ArrayList<>(List.of(args));
        all.addAll(0, List.of("--socket", daemon.socket().toString()));
        return cli.run(all.toArray(String[]::new));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "win 11",
                "100%",
                "a%2Fb",
                "db#1",
                "who?",
                "a;b=c",
                "a+b&c",
                "..",
                ".",
                "...",
                "../x",
                "a/b",
                "two\nlines",
                "a,b,,c=d",
                "\"quoted\"",
                "'quoted'",
                "${user.name}",
                "数据库🐘",
                "@db1"
            })
    void aNameIsOneSegmentOfThePath(String name) {
        run("show", name);
        run("budget", name, "64MiB");
        run("split", name, "--budget", "64MiB", "--sub-host", "h3");
        run("forget", name);
        run("abort", name);

        assertThat(daemon.requests()).hasSizeGreaterThanOrEqualTo(5);
        for (String request : daemon.requests().subList(0, 4)) {
            String path = request.split(" ")[1];
            assertThat(path).matches("/v1/vms/[^/]+(/budget|/split)?").doesNotMatch("/v1/vms/[.]{1,2}(/.*)?");
            assertThat(URLDecoder.decode(path.split("/")[3].replace("+", "%2B"), StandardCharsets.UTF_8))
                    .isEqualTo(name);
        }
    }

    /** It would be read, and its words taken for arguments. */
    @Test
    void aNameIsNoFile() throws Exception {
        Path file = Files.writeString(directory.resolve("args"), "db1");

        run("show", "@" + file);

        assertThat(daemon.requests()).hasSize(1);
        assertThat(daemon.requests().get(0)).contains("%40");
    }

    private static void assertOneLineOfText(String text) {
        assertThat(text).doesNotContain("\u001b", "\r", "\u202e").doesNotContain("\nforged");
    }

    @Test
    void aNameIsPrintedAsPlainText() {
        daemon.on("GET /v1/vms", Reply.ok(List.of(Infos.vm(HOSTILE))));
        daemon.on("GET /v1/vms/db1", Reply.ok(Infos.vm(HOSTILE)));
        daemon.on("GET /v1/migrations", Reply.ok(List.of()));
        daemon.on("PUT /v1/vms/db1/budget", Reply.ok(Infos.vm(HOSTILE)));

        assertThat(run("vms")).isZero();
        assertThat(run("show", "db1")).isZero();
        assertThat(run("budget", "db1", "64MiB")).isZero();

        assertOneLineOfText(cli.out());
        assertThat(cli.out()).contains("db1?forged");
    }

    @Test
    void aRefusalIsPrintedAsPlainText() {
        daemon.on("GET /v1/vms/db1", Reply.error(404, "vm-not-found", "no VM \"" + HOSTILE + "\""));

        assertThat(run("show", "db1")).isEqualTo(1);

        assertOneLineOfText(cli.err());
        assertThat(cli.err()).hasLineCount(1);
    }

    /** A character of Chinese takes two columns of a terminal, and an accent of its own none. */
    @Test
    void columnsAreAlignedAsATerminalShowsThem() {
        daemon.on("GET /v1/vms", Reply.ok(List.of(Infos.vm("数据🐘"), Infos.vm("u\u0308ber"), Infos.vm("vm-abc"))));

        assertThat(run("vms")).isZero();

        assertThat(cli.out()).contains("数据🐘  6d1f", "u\u0308ber    6d1f", "vm-abc  6d1f");
    }
}
