package org.splitmem.cli.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.cli.FakeDaemon;
import org.splitmem.cli.FakeDaemon.Reply;
import org.splitmem.cli.Infos;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.VmInfo;

class ControlClientTest {
    private FakeDaemon daemon;
    private ControlClient client;

    @BeforeEach
    void start() throws IOException {
        daemon = new FakeDaemon();
        client = new ControlClient(daemon.socket());
    }

    @AfterEach
    void stop() throws IOException {
        daemon.close();
    }

    @Test
    void speaksEveryRequestOfTheApi() {
        daemon.on("GET /v1/hosts", Reply.ok(Infos.hosts()))
                .on("GET /v1/vms", Reply.ok(List.of(Infos.vm())))
                .on("GET /v1/vms/vm1", Reply.ok(Infos.vm()))
                .on("PUT /v1/vms/vm1/budget", Reply.ok(Infos.vm()))
                .on("POST /v1/vms/vm1/migrations", Reply.ok(Infos.migration(MigrationPhase.PLANNED)))
                .on("GET /v1/migrations", Reply.ok(List.of()))
                .on("GET /v1/migrations/m1", Reply.ok(Infos.migration(MigrationPhase.READY)))
                .on("DELETE /v1/migrations/m1", Reply.ok(Infos.migration(MigrationPhase.ABORTED)));

        assertThat(client.hosts()).isEqualTo(Infos.hosts());
        assertThat(client.vms()).containsExactly(Infos.vm());
        assertThat(client.vm("vm1")).isEqualTo(Infos.vm());
        assertThat(client.setBudget("vm1", 7)).isEqualTo(Infos.vm());
        assertThat(client.migrate("vm1", new MigrationRequest("h2", null, List.of(), null, null, null))
                        .phase())
                .isEqualTo(MigrationPhase.PLANNED);
        assertThat(client.migrations()).isEmpty();
        assertThat(client.migration("m1").phase()).isEqualTo(MigrationPhase.READY);
        assertThat(client.abort("m1", "it is\nenough").phase()).isEqualTo(MigrationPhase.ABORTED);
        assertThat(daemon.requests())
                .contains(
                        "PUT /v1/vms/vm1/budget {\"bytes\":7}",
                        "DELETE /v1/migrations/m1?reason=it+is+enough",
                        "POST /v1/vms/vm1/migrations {\"destination\":\"h2\",\"subHosts\":[]}");
    }

    @Test
    void readsAnswersLongerThanItsBuffer() {
        List<VmInfo> many = Collections.nCopies(500, Infos.vm());
        daemon.on("GET /v1/vms", Reply.ok(many));

        assertThat(client.vms()).isEqualTo(many);
    }

    @Test
    void namesAreEncoded() {
        daemon.on("GET /v1/vms/my%20vm%2F%C3%BC", Reply.ok(Infos.vm()));

        assertThat(client.vm("my vm/ü")).isEqualTo(Infos.vm());
    }

    @Test
    void aRefusalIsTheDaemonsSentence() {
        daemon.on("GET /v1/vms/x", Reply.error(404, "vm-not-found", "no VM x: is it split-ready?"));

        assertThatExceptionOfType(ControlException.class)
                .isThrownBy(() -> client.vm("x"))
                .withMessage("no VM x: is it split-ready?")
                .satisfies(e -> assertThat(e.refusal().status()).isEqualTo(404))
                .satisfies(e ->
                        assertThat(e.refusal().is(RefusalCode.VM_NOT_FOUND)).isTrue());
    }

    @Test
    void aRefusalOfTheHttpServerIsOneToo() {
        daemon.on("GET /v1/vms", new Reply(503, "<html>"));

        assertThatExceptionOfType(ControlException.class)
                .isThrownBy(() -> client.vms())
                .withMessage("splitmemd answered with HTTP status 503");
    }

    @Test
    void anAnswerOfAnotherVersionIsSaidToBeOne() {
        daemon.on("GET /v1/vms/vm1", new Reply(200, Json.write(Infos.vm()).replaceFirst("\\{", "{\"era\":1,")));

        assertThatExceptionOfType(DaemonUnreachableException.class)
                .isThrownBy(() -> client.vm("vm1"))
                .withMessageContaining("VmInfo: unknown field 'era'")
                .withMessageContaining("install the same version");
    }

    @Test
    void withoutADaemonItSaysWhereItLooked() {
        assertThatExceptionOfType(DaemonUnreachableException.class)
                .isThrownBy(() -> new ControlClient(Path.of("/nowhere/splitmemd.sock")).vms())
                .withMessageContaining("/nowhere/splitmemd.sock: No such file or directory")
                .withMessageContaining("systemctl status splitmemd");
    }

    /** A peer that says something else than a whole HTTP answer. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''                                                | the connection ended before the answer did",
                "'HTTP/1.1 200 OK~Content-Le'                      | the connection ended before the answer did",
                "'HTTP/1.1 200 OK~Content-Length: 100~~[]'         | the answer was cut at 2 of 100 bytes",
                "'HTTP/1.1 200 OK~Content-Length: many~~[]'        | no number",
                "'220 smtp.example.org ESMTP~~'                    | the answer is not HTTP: 220 smtp.example.org ESMTP",
            })
    void aBrokenAnswerIsNeverTakenForAWholeOne(String answer, String complaint) throws Exception {
        try (var server = new OneAnswer(answer.replace("~", "\r\n"))) {
            assertThatExceptionOfType(DaemonUnreachableException.class)
                    .isThrownBy(() -> new ControlClient(server.socket).vms())
                    .withMessageContaining(complaint);
        }
    }

    @Test
    void aDaemonThatNeverAnswersIsGivenUp() throws Exception {
        try (var server = new OneAnswer(null)) {
            assertThatExceptionOfType(DaemonUnreachableException.class)
                    .isThrownBy(() -> new ControlClient(server.socket, Duration.ofMillis(50)).vms())
                    .withMessageContaining("no answer within");
        }
    }

    /** Accepts one connection and says this, or nothing. */
    private static final class OneAnswer implements AutoCloseable {
        final Path socket;
        private final Path directory;
        private final ServerSocketChannel server;

        OneAnswer(String answer) throws IOException {
            directory = Files.createTempDirectory("one");
            socket = directory.resolve("s");
            server = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket));
            var thread = new Thread(
                    () -> {
                        if (answer != null) {
                            say(answer);
                        }
                    },
                    "one answer");
            thread.setDaemon(true);
            thread.start();
        }

        private void say(String answer) {
            try (var connection = server.accept()) {
                // Unread bytes would make the close a reset, which is not what is tested here.
                connection.read(ByteBuffer.allocate(4096));
                connection.write(ByteBuffer.wrap(answer.getBytes(StandardCharsets.UTF_8)));
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public void close() throws IOException {
            server.close();
            Files.delete(socket);
            Files.delete(directory);
        }
    }
}
