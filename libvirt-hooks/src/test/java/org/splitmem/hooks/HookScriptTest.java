package org.splitmem.hooks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.hooks.FakeDaemon.Manner;
import org.splitmem.hooks.domain.Corpus;

/** Runs the hook as libvirt runs it, with the system's shell and curl, against a daemon that is not real. */
@Timeout(60)
class HookScriptTest {
    private static final Path SCRIPT = Path.of(System.getProperty("basedir", "."), "src/main/sh/splitmem");
    private static final String READY = Corpus.text("split-ready");

    @TempDir
    Path directory;

    private Path socket;
    private Path conf;

    /** What the hook left behind. */
    private record Result(int code, String out, String err) {}

    @BeforeAll
    static void needsCurl() {
        boolean found = List.of(System.getenv("PATH").split(":")).stream()
                .anyMatch(directory -> Files.isExecutable(Path.of(directory, "curl")));
        assumeThat(found).as("curl is not installed").isTrue();
    }

    @BeforeEach
    void pointTheHookToOurSocket() throws IOException {
        socket = directory.resolve("splitmemd.sock");
        conf = directory.resolve("splitmem.conf");
        Files.writeString(
                conf, "# control.socket = /wrong\nhost.name = h1\n control.socket =  " + socket + "  # here\n");
    }

    @ParameterizedTest
    @CsvSource({
        "prepare, begin",
        "start, begin",
        "reconnect, begin",
        "attach, begin",
        "restore, begin",
        "migrate, end",
        "'', ''",
        "release, begin"
    })
    void operationsThatItDoesNotHandleSucceedWithoutTheDaemon(String operation, String subOperation) throws Exception {
        assertThat(run("big-1", operation, subOperation, READY)).isEqualTo(new Result(0, "", ""));
    }

    @Test
    void aCallWithoutArgumentsSucceeds() throws Exception {
        assertThat(execute(READY, List.of("/bin/sh", SCRIPT.toString()), System.getenv("PATH")))
                .isEqualTo(new Result(0, "", ""));
    }

    @ParameterizedTest
    @CsvSource({"migrate, begin", "started, begin", "stopped, end", "release, end"})
    void plainDomainsDoNotNeedTheDaemon(String operation, String subOperation) throws Exception {
        assertThat(run("instance-0000002a", operation, subOperation, Corpus.text("nova-zed")))
                .isEqualTo(new Result(0, "", ""));
    }

    @Test
    void anIncomingMigrationIsAnsweredWithTheDaemonsXml() throws Exception {
        try (var daemon = new FakeDaemon(socket, Manner.ANSWERS, 200, "<domain>ü\n  %s \\n</domain>\n")) {
            assertThat(run("big-1", "migrate", "begin", READY))
                    .isEqualTo(new Result(0, "<domain>ü\n  %s \\n</domain>\n\n", ""));

            var request = daemon.requests().get(0);
            assertThat(request.line()).isEqualTo("POST /v1/hooks/qemu/migrate/begin?guest=%62%69%67%2d%31 HTTP/1.1");
            assertThat(request.headers())
                    .contains("Content-Type: application/xml")
                    .doesNotContain("Expect");
            assertThat(request.body()).isEqualTo(READY);
        }
    }

    @Test
    void anEmptyAnswerLeavesTheXmlAsItIs() throws Exception {
        try (var daemon = new FakeDaemon(socket, Manner.ANSWERS, 200, "")) {
            assertThat(run("big-1", "migrate", "begin", READY)).isEqualTo(new Result(0, "", ""));
            assertThat(daemon.requests()).hasSize(1);
        }
    }

    @ParameterizedTest
    @CsvSource({"started, begin", "stopped, end", "release, end"})
    void onlyAMigrationHasOutput(String operation, String subOperation) throws Exception {
        try (var daemon = new FakeDaemon(socket, Manner.ANSWERS, 200, "<domain/>")) {
            assertThat(run("big-1", operation, subOperation, READY)).isEqualTo(new Result(0, "", ""));
            assertThat(daemon.requests().get(0).line())
                    .startsWith("POST /v1/hooks/qemu/" + operation + "/" + subOperation);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "win 11 – büro <test>",
                "a&b=c?d#e%20f+g/h",
                "\"quo'ted\" $(reboot) `x` \\ ;|*",
                "-X",
                "two\nlines",
                "🐘"
            })
    void anyNameOfAGuestArrivesAsItIs(String guest) throws Exception {
        try (var daemon = new FakeDaemon(socket, Manner.ANSWERS, 200, "")) {
            assertThat(run(guest, "migrate", "begin", READY)).isEqualTo(new Result(0, "", ""));

            String line = daemon.requests().get(0).line();
            String query = line.substring(line.indexOf("?guest=") + 7, line.lastIndexOf(' '));
            assertThat(URLDecoder.decode(query, StandardCharsets.UTF_8)).isEqualTo(guest);
        }
    }

    @Test
    void aNameOfAGuestMakesNoLineOfALog() throws Exception {
        Result failed = run("db1\nforged\r\u001b[2J", "migrate", "begin", READY);

        assertThat(failed.code()).isEqualTo(1);
        assertThat(failed.err()).hasLineCount(1).contains("db1 forged  [2J").doesNotContain("\r", "\u001b");
    }

    @Test
    void aLongXmlArrivesWhole() throws Exception {
        String xml = READY.replace("<devices>", "<!--" + "ü".repeat(400_000) + "--><devices>");
        try (var daemon = new FakeDaemon(socket, Manner.ANSWERS, 200, xml)) {
            assertThat(run("big-1", "migrate", "begin", xml)).isEqualTo(new Result(0, xml + "\n", ""));
            assertThat(daemon.requests().get(0).body()).isEqualTo(xml);
        }
    }

    @ParameterizedTest
    @CsvSource({"migrate, begin, 1", "started, begin, 1", "stopped, end, 0", "release, end, 0"})
    void aRefusalIsOneLineAndFailsOnlyWhatCanBeStopped(String operation, String subOperation, int code)
            throws Exception {
        try (var daemon = new FakeDaemon(socket, Manner.ANSWERS, 409, "no room: 3 GiB short\nsecond line\n")) {
            assertThat(run("big-1", operation, subOperation, READY))
                    .isEqualTo(new Result(
                            code,
                            "",
                            "splitmem: " + operation + " " + subOperation
                                    + " of domain big-1: no room: 3 GiB short\n"));
            assertThat(daemon.requests()).hasSize(1);
        }
    }

    @Test
    void aRefusalWithoutWordsNamesItsStatus() throws Exception {
        try (var daemon = new FakeDaemon(socket, Manner.ANSWERS, 503, "")) {
            assertThat(run("two\nlines", "migrate", "begin", READY))
                    .isEqualTo(new Result(
                            1,
                            "",
                            "splitmem: migrate begin of domain two lines: splitmemd answered with HTTP status 503\n"));
            assertThat(daemon.requests()).hasSize(1);
        }
    }

    @ParameterizedTest
    @CsvSource({"migrate, begin, 1", "started, begin, 1", "stopped, end, 0", "release, end, 0"})
    void anAbsentDaemonIsNamed(String operation, String subOperation, int code) throws Exception {
        assertThat(run("big-1", operation, subOperation, READY))
                .isEqualTo(new Result(
                        code,
                        "",
                        "splitmem: " + operation + " " + subOperation
                                + " of domain big-1: splitmemd does not answer on " + socket + "; is it running?\n"));
    }

    @Test
    void aSilentDaemonIsGivenUpAfterTheConfiguredTime() throws Exception {
        Files.writeString(conf, "hook.migrate-timeout = 1\ncontrol.socket=" + socket + "\n");
        try (var daemon = new FakeDaemon(socket, Manner.NEVER_ANSWERS, 200, "")) {
            assertThat(run("big-1", "migrate", "begin", READY))
                    .isEqualTo(new Result(
                            1, "", "splitmem: migrate begin of domain big-1: splitmemd did not answer within 1 s\n"));
            assertThat(daemon.requests()).hasSize(1);
        }
    }

    @ParameterizedTest
    @CsvSource({"migrate, begin", "started, begin"})
    void aDaemonThatIsNotReadyYetIsAskedAgain(String operation, String subOperation) throws Exception {
        try (var daemon = new FakeDaemon(socket, 3, Manner.ANSWERS, 200, "")) {
            assertThat(run("big-1", operation, subOperation, READY)).isEqualTo(new Result(0, "", ""));
            assertThat(daemon.requests())
                    .hasSize(4)
                    .allSatisfy(request -> assertThat(request.body()).isEqualTo(READY));
        }
    }

    @Test
    void aDaemonThatIsNeverReadyIsGivenUpAfterTheConfiguredTime() throws Exception {
        Files.writeString(conf, "hook.migrate-timeout = 1\ncontrol.socket=" + socket + "\n");
        try (var daemon = new FakeDaemon(socket, Integer.MAX_VALUE, Manner.ANSWERS, 200, "")) {
            long startNs = System.nanoTime();
            assertThat(run("big-1", "started", "begin", READY))
                    .isEqualTo(new Result(
                            1,
                            "",
                            "splitmem: started begin of domain big-1: its memory was not ready within 1 s"
                                    + " (hook.migrate-timeout)\n"));
            assertThat(System.nanoTime() - startNs)
                    .isGreaterThan(1_000_000_000L); // not a part of it that is called 1 s
            assertThat(daemon.requests()).hasSizeGreaterThan(1);
        }
    }

    @Test
    void halfAnAnswerIsNone() throws Exception {
        try (var daemon = new FakeDaemon(socket, Manner.BREAKS_OFF, 200, "<domain>0123456789</domain>")) {
            Result result = run("big-1", "migrate", "begin", READY);

            assertThat(result.code()).isEqualTo(1);
            assertThat(result.out()).isEmpty();
            assertThat(result.err())
                    .startsWith(
                            "splitmem: migrate begin of domain big-1: talking to splitmemd on " + socket + ": curl: ")
                    .endsWith(" (18)\n");
            assertThat(daemon.requests()).hasSize(1);
        }
    }

    @Test
    void aTimeOutThatIsNoNumberIsRefused() throws Exception {
        Files.writeString(conf, "hook.migrate-timeout = 24h\n");

        assertThat(run("big-1", "migrate", "begin", READY))
                .isEqualTo(new Result(
                        1,
                        "",
                        "splitmem: migrate begin of domain big-1: hook.migrate-timeout in " + conf
                                + " is '24h', which is not a number of seconds\n"));
    }

    @Test
    void withoutConfigurationTheInstalledSocketIsUsed() throws Exception {
        assumeThat(Path.of("/run/splitmem/splitmemd.sock")).doesNotExist();
        Files.delete(conf);

        assertThat(run("big-1", "stopped", "end", READY))
                .isEqualTo(new Result(
                        0,
                        "",
                        "splitmem: stopped end of domain big-1: splitmemd does not answer on"
                                + " /run/splitmem/splitmemd.sock; is it running?\n"));
    }

    @Test
    void aMissingCurlIsNamed() throws Exception {
        Path tools = Files.createDirectory(directory.resolve("bin"));
        for (String tool : List.of("cat", "od", "tr", "sed", "date")) {
            Path wrapper = Files.writeString(tools.resolve(tool), "#!/bin/sh\nexec " + find(tool) + " \"$@\"\n");
            assertThat(wrapper.toFile().setExecutable(true)).isTrue();
        }

        assertThat(execute(READY, command("big-1", "migrate", "begin"), tools.toString()))
                .isEqualTo(new Result(1, "", "splitmem: migrate begin of domain big-1: curl is not installed\n"));
    }

    private Result run(String guest, String operation, String subOperation, String xml) throws Exception {
        return execute(xml, command(guest, operation, subOperation), System.getenv("PATH"));
    }

    private static List<String> command(String guest, String operation, String subOperation) {
        return List.of("/bin/sh", SCRIPT.toString(), guest, operation, subOperation, "-");
    }

    private Result execute(String xml, List<String> command, String path) throws Exception {
        Path in = Files.writeString(directory.resolve("in"), xml);
        Path out = directory.resolve("out");
        Path err = directory.resolve("err");
        var builder = new ProcessBuilder(command)
                .redirectInput(in.toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        builder.environment().clear();
        builder.environment().put("PATH", path);
        builder.environment().put("LC_ALL", "C");
        builder.environment().put("SPLITMEM_HOOK_CONF", conf.toString());
        Process process = builder.start();
        try {
            assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
            return new Result(process.exitValue(), Files.readString(out), Files.readString(err));
        } finally {
            process.destroyForcibly();
        }
    }

    private static Path find(String tool) {
        return List.of(System.getenv("PATH").split(":")).stream()
                .map(directory -> Path.of(directory, tool))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow();
    }
}
