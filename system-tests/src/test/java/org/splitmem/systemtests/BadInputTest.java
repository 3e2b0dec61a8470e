package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.model.VmState;

/** Garbage on every socket of running daemons is refused, and a split VM between them runs on. */
@SystemTest
final class BadInputTest {
    private static final List<String> ATTACKED = List.of("h2", "h3");

    private final Testbed bed;
    private final Random random = new Random(2026);
    private Guest guest;
    private List<Long> daemons;

    @TempDir
    private Path directory;

    BadInputTest(Testbed bed) {
        this.bed = bed;
    }

    @BeforeEach
    void split() {
        guest = SplitVm.of(bed, "attacked");
        daemons = pids();
    }

    private List<Long> pids() {
        return ATTACKED.stream()
                .map(host -> bed.cluster().pid(host, "splitmemd"))
                .toList();
    }

    @AfterEach
    void nobodyWasHarmed() {
        assertThat(pids()).isEqualTo(daemons);
        assertThat(guest.info().state()).isEqualTo(VmState.SPLIT);
        assertThat(bed.cli("h1").hosts()).allMatch(host -> host.reachable());
        guest.verifyAll();
    }

    // ---- data port

    @Test
    void theDataPortRefusesWhatIsNotAFrame() {
        for (String host : ATTACKED) {
            assertRefused(host, randomBytes(4096), "bad magic");
            assertHangsUp(host, randomBytes(1 << 20));
            assertRefused(host, httpRequest(), "bad magic");
            assertRefused(host, new byte[4096], "bad magic");
        }
    }

    @Test
    void theDataPortRefusesFramesThatAreWrong() {
        byte[] hello = hello(guestUuid(), "0".repeat(64)).getBytes(StandardCharsets.UTF_8);
        for (String host : ATTACKED) {
            assertRefused(host, Frames.frame(Frames.HELLO, hello).version(9).bytes(), "version 9");
            assertRefused(
                    host, Frames.frame(Frames.HELLO, hello).checksum(12345).bytes(), "header checksum");
            assertRefused(host, Frames.frame(99, hello).bytes(), "unknown type 99");
            assertRefused(host, Frames.frame(Frames.PAGE_IN, new byte[0]).bytes(), "no HELLO before it");
            assertRefused(
                    host,
                    Frames.frame(Frames.HELLO, hello).length(Integer.MAX_VALUE).bytes(),
                    "payload of");
            assertRefused(host, Frames.frame(Frames.HELLO, hello).length(-1).bytes(), "payload of");
            assertRefused(host, Frames.frame(Frames.HELLO, randomBytes(600)).bytes(), "HELLO is not");
            assertRefused(
                    host,
                    Frames.frame(Frames.HELLO, "{}".getBytes(StandardCharsets.UTF_8))
                            .bytes(),
                    "HELLO is not");
        }
    }

    @Test
    void theDataPortRefusesWhoHasNotTheTokenOfTheVm() {
        for (String host : ATTACKED) {
            byte[] wrongToken = hello(guestUuid(), "0".repeat(64)).getBytes(StandardCharsets.UTF_8);
            byte[] unknownVm =
                    hello(UUID.randomUUID().toString(), "0".repeat(64)).getBytes(StandardCharsets.UTF_8);

            assertRefused(host, Frames.frame(Frames.HELLO, wrongToken).bytes(), "under this token");
            assertRefused(host, Frames.frame(Frames.HELLO, unknownVm).bytes(), "under this token");
        }
    }

    /** Half a frame, and then silence; many at once. */
    @Test
    void theDataPortDropsPeersThatStopInTheMiddle() {
        byte[] whole = Frames.frame(
                        Frames.HELLO, hello(guestUuid(), "0".repeat(64)).getBytes(StandardCharsets.UTF_8))
                .bytes();
        List<Job> stalled = new ArrayList<>();
        try {
            for (int i = 0; i < 20; i++) {
                stalled.add(connection(
                        "h3",
                        ByteBuffer.allocate(10 + 4 * i)
                                .put(whole, 0, 10 + 4 * i)
                                .array()));
            }
            guest.awaitSweeps(1, SplitVm.LIMIT);
            for (Job job : stalled) {
                assertThat(job.await(Duration.ofSeconds(40)).out()).contains("no whole HELLO");
            }
        } finally {
            stalled.forEach(Job::close);
        }
    }

    // ---- control API

    @Test
    void theControlApiRefusesPeersWithoutTheClustersKey() {
        for (String host : ATTACKED) {
            for (String path : List.of("/v1/host", "/v1/vms", "/v1/reservations", "/metrics", "/healthz")) {
                assertThat(status(host, path)).isEqualTo(401);
                assertThat(status(host, path, "-H", "Authorization: Bearer wrong"))
                        .isEqualTo(401);
            }
            assertThat(status(host, "/v1/host", authorization())).isEqualTo(200);
        }
    }

    @Test
    void theControlApiRefusesBodiesThatAreWrong() throws IOException {
        Path huge = Files.write(directory.resolve("huge"), new byte[3 << 20]);
        Path noise = Files.write(directory.resolve("noise"), randomBytes(5000));
        for (String host : ATTACKED) {
            for (String path : List.of("/v1/reservations", "/v1/incoming")) {
                assertThat(post(host, path, "@" + huge)).as("too large").isEqualTo(413);
                assertThat(post(host, path, "@" + noise)).as("noise").isEqualTo(400);
                assertThat(post(host, path, "{\"vm\":")).as("cut").isEqualTo(400);
                assertThat(post(host, path, "{\"what\":1}")).as("unknown field").isEqualTo(400);
                assertThat(post(host, path, "null")).as("null").isEqualTo(400);
            }
            assertThat(post(host, "/v1/vms/" + guest.name() + "/migrations", "{}"))
                    .isIn(400, 404);
            assertThat(post(host, "/v1/hooks/qemu/migrate/begin?guest=x", "<domain"))
                    .isIn(200, 400);
        }
    }

    @Test
    void theControlApiRefusesWhatIsNotThere() {
        String[] key = authorization();
        for (String host : ATTACKED) {
            assertThat(status(host, "/", key)).isEqualTo(404);
            assertThat(status(host, "/v2/host", key)).isEqualTo(404);
            assertThat(status(host, "/v1/vms/no-such-vm", key)).isEqualTo(404);
            assertThat(status(host, "/v1/migrations/no-such-id", key)).isEqualTo(404);
            assertThat(post(host, "/v1/outgoing/not-a-uuid/ready?destination=h3&start=false", ""))
                    .isEqualTo(400);
        }
    }

    /** A plan for someone else's VM: it has no business here. */
    @Test
    void theControlApiReleasesNothingForAWrongToken() {
        long held = bed.cluster().control("h1").hosts().get(2).info().heldBytes();

        int answer = status("h3", "/v1/reservations/" + guestUuid() + "?token=" + "0".repeat(64), with("-X", "DELETE"));

        assertThat(answer).isBetween(200, 499);
        assertThat(guest.info().remoteBytes()).containsKey("h3");
        assertThat(held).isPositive();
    }

    @Test
    void theControlPortRefusesWhatIsNotHttp() {
        for (String host : ATTACKED) {
            for (byte[] noise : List.of(randomBytes(100_000), new byte[1000])) {
                Job.Result answer = send(host, 7779, noise);
                assertThat(answer.out())
                        .satisfiesAnyOf(
                                text -> assertThat(text).isEmpty(),
                                text -> assertThat(text).startsWith("HTTP/1.1 400"));
            }
        }
    }

    @Test
    void theControlSocketRefusesWhatIsNotHttp() throws IOException {
        for (String host : ATTACKED) {
            sendUnix(bed.cluster().runDirectory(host).resolve("splitmemd.sock"), randomBytes(100_000));
        }
    }

    // ---- shim socket

    @Test
    void theShimSocketRefusesWhatIsNotAShim() throws IOException {
        for (String host : ATTACKED) {
            Path socket = bed.cluster().runDirectory(host).resolve("shim.sock");
            sendUnix(socket, randomBytes(100_000));
            sendUnix(socket, new byte[256]);
            sendUnix(socket, Frames.shimHello(1, "not a uuid"));
            sendUnix(socket, Frames.shimHello(77, UUID.randomUUID().toString()));
            sendUnix(socket, Frames.shimHello(2, UUID.randomUUID().toString()));
        }
    }

    /** Neither the RAM of another VM, nor that of one that is about to arrive, nor the way to have it freed: not even for root. */
    @Test
    void theShimSocketGivesNobodyElseTheRamOfAVm() throws IOException {
        Path socket = bed.cluster().runDirectory(guest.host()).resolve("shim.sock");

        for (int role = 1; role <= 3; role++) {
            assertThat(sendUnix(socket, Frames.shimHello(role, guestUuid())))
                    .contains("process " + ProcessHandle.current().pid()
                            + " is no QEMU that libvirt has started on this host");
        }
    }

    @Test
    void aShimThatStallsInItsHandShakeKeepsNobodyElseWaiting() throws IOException {
        Path socket = bed.cluster().runDirectory("h2").resolve("shim.sock");
        List<SocketChannel> stalled = new ArrayList<>();
        try {
            for (int i = 0; i < 300; i++) {
                SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
                stalled.add(channel);
                sendPart(channel, Frames.shimHello(1, UUID.randomUUID().toString()), 8 * (i % 30));
            }
            Guest other = bed.boot(Guest.Spec.named("newcomer").workload("mb=16 idle=1"), "h2");
            other.awaitProgress();
        } finally {
            for (SocketChannel channel : stalled) {
                channel.close();
            }
        }
    }

    // ---- means

    private static void sendPart(SocketChannel channel, byte[] bytes, int length) {
        try {
            channel.write(ByteBuffer.wrap(bytes, 0, length));
        } catch (IOException dropped) { // one too many
            assertThat(dropped).hasMessageContaining("Broken pipe");
        }
    }

    private byte[] randomBytes(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    private String guestUuid() {
        return guest.info().uuid();
    }

    /** Longer than a frame's header: of a shorter one the daemon waits for the rest. */
    private static byte[] httpRequest() {
        return "GET /metrics HTTP/1.1\r\nHost: h2.example.org\r\n\r\n".getBytes(StandardCharsets.UTF_8);
    }

    private static String hello(String vm, String token) {
        return "{\"role\":\"PAGE_IN\",\"vm\":\"" + vm + "\",\"token\":\"" + token + "\",\"epoch\":99,\"pages\":65536}";
    }

    /** The daemon says what is wrong and hangs up. */
    private void assertRefused(String host, byte[] bytes, String because) {
        assertThat(assertHangsUp(host, bytes).out()).contains(because);
    }

    /** Who sends on and on is not read to the end, and may miss the answer. */
    private Job.Result assertHangsUp(String host, byte[] bytes) {
        Job.Result answer = send(host, 7780, bytes);
        assertThat(answer.exitCode()).as("%s hangs up", host).isNotEqualTo(124);
        return answer;
    }

    private Job.Result send(String host, int port, byte[] bytes) {
        try (Job job = connection(host, port, bytes)) {
            return job.await(Duration.ofSeconds(60));
        }
    }

    private Job connection(String host, byte[] bytes) {
        return connection(host, 7780, bytes);
    }

    /** Sends these bytes from h1 and reads to the end of what comes back; exit code 124 if there is none within 30 s. */
    private Job connection(String host, int port, byte[] bytes) {
        try {
            Path file = Files.write(Files.createTempFile(directory, "bytes", ""), bytes);
            String script = "exec 3<>/dev/tcp/" + Cluster.address(host) + "/" + port + "; cat " + file
                    + " >&3 2>/dev/null; timeout 30 tr -cd '[:print:]' <&3 2>/dev/null";
            return bed.cluster().start("h1", "bash", "-c", script);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** Sends, and reads to the end: an answer, or none, but not silence for ever. @return what was answered */
    private static String sendUnix(Path socket, byte[] bytes) throws IOException {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            channel.configureBlocking(false);
            ByteBuffer out = ByteBuffer.wrap(bytes);
            ByteBuffer in = ByteBuffer.allocate(4096);
            Await.until(socket + " hangs up", Duration.ofSeconds(40), () -> exchange(channel, out, in));
            return StandardCharsets.UTF_8.decode(in.flip()).toString();
        }
    }

    /** @return true at the end of the connection */
    private static boolean exchange(SocketChannel channel, ByteBuffer out, ByteBuffer in) {
        try {
            if (out.hasRemaining()) {
                channel.write(out);
            }
            return channel.read(in.hasRemaining() ? in : in.clear()) < 0;
        } catch (IOException e) {
            return true; // it hung up while there was something to read
        }
    }

    private String[] authorization() {
        return with();
    }

    private String[] with(String... more) {
        List<String> all = new ArrayList<>(List.of(
                "-H",
                "Authorization: Bearer "
                        + Cluster.read(bed.cluster().file("cluster.key")).strip()));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    private int post(String host, String path, String body) {
        return status(host, path, with("--data-binary", body));
    }

    private int status(String host, String path, String... options) {
        List<String> command =
                new ArrayList<>(List.of("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "30"));
        command.addAll(List.of(options));
        command.add("http://" + Cluster.address(host) + ":7779" + path);
        Job.Result result = bed.cluster().exec("h1", command.toArray(String[]::new));
        return Integer.parseInt(result.out().strip());
    }
}
