package org.splitmem.memory.shim;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.testing.Gcc;

/** Whoever comes to the shim's socket and is no shim is refused; one that stalls is dropped and keeps nobody waiting. */
class ShimServerTest {
    private static final String VM = "6d1f0000-0000-4000-8000-000000000001";
    private static final Qemu QEMU =
            new Qemu(UUID.fromString(VM), "guest", (int) ProcessHandle.current().pid());
    private static final int ATTACH = 1, SERVICE = 2, DISCARD = 3;
    private static final int WRONG_ROLE = 77;
    private static final int MAGIC = 0x48535053;
    private static final String[] STALLED_LATER = {"Resource temporarily unavailable", "made no progress"};
    private static final String STALLED = "no whole HELLO came within 300 ms";

    @TempDir
    private Path directory;

    private ShimServer server;

    @BeforeEach
    void start() throws IOException {
        server = start(directory.resolve("shim.sock"), ownUid());
    }

    @AfterEach
    void end() {
        server.close();
    }

    private static int ownUid() throws IOException {
        return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    }

    /** It knows no VM, and has all the time of this test. */
    private static ShimServer start(Path socket, int allowedUid) throws IOException {
        return start(socket, allowedUid, process -> QEMU, 60_000);
    }

    private static ShimServer start(Path socket, int allowedUid, Hypervisor hypervisor, long answerMs)
            throws IOException {
        ShimServer server = new ShimServer(socket, Set.of(allowedUid), hypervisor, new NoVms(), answerMs);
        server.start();
        return server;
    }

    private static final class NoVms implements ShimHandler {
        @Override
        public Backend open(Qemu qemu, int index) throws IOException {
            throw new IOException("no VM is known here");
        }

        @Override
        public Watch mapped(Qemu qemu, int index, long hva, long bytes, Fd uffd) throws IOException {
            throw new IOException("no RAM is known here");
        }

        @Override
        public void ready(ShimSession session) {
            throw new AssertionError("a shim that was refused is ready");
        }

        @Override
        public DiscardHandler discards(Qemu qemu, DiscardConnection connection) throws IOException {
            throw new IOException("no QEMU of it is known here");
        }
    }

    private static byte[] message(int type, int arg, long backends, String text) {
        ByteBuffer message = ByteBuffer.allocate(ShimMessage.SIZE).order(ByteOrder.LITTLE_ENDIAN);
        message.putInt(MAGIC)
                .putShort((short) 1)
                .putShort((short) type)
                .putInt(1)
                .putInt(arg);
        message.putLong(24, backends).position(40).put(text.getBytes(StandardCharsets.UTF_8));
        return message.array();
    }

    private static byte[] hello(int role, String uuid) {
        return message(ShimMessage.HELLO, role, 1, uuid);
    }

    private static byte[] both(byte[] first, byte[] second) {
        return ByteBuffer.allocate(first.length + second.length)
                .put(first)
                .put(second)
                .array();
    }

    /** What is said to who sends this, until it hangs up; the limit is for a server that never does. */
    private String answer(byte[] bytes) throws Exception {
        return answer(directory.resolve("shim.sock"), bytes);
    }

    private static String answer(Path socket, byte[] bytes) throws Exception {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            CompletableFuture<String> answer = CompletableFuture.supplyAsync(() -> {
                ByteArrayOutputStream all = new ByteArrayOutputStream();
                try {
                    channel.write(ByteBuffer.wrap(bytes));
                    Channels.newInputStream(channel).transferTo(all);
                } catch (IOException hungUp) { // with our bytes unread, after what it said
                    assertThat(hungUp).isNotNull();
                }
                return all.toString(StandardCharsets.UTF_8);
            });
            return answer.get(10, TimeUnit.SECONDS);
        }
    }

    @Test
    void noiseIsRefused() throws Exception {
        byte[] noise = new byte[ShimMessage.SIZE];
        new Random(2026).nextBytes(noise);
        byte[] otherVersion = hello(ATTACH, VM);
        otherVersion[4] = 2;
        byte[] otherMagic = hello(ATTACH, VM);
        otherMagic[0] = 0;
        for (byte[] bytes : List.of(noise, new byte[ShimMessage.SIZE], otherVersion, otherMagic)) {
            assertThat(answer(bytes)).contains("not of version 1 of the shim's protocol");
        }
    }

    @Test
    void aHelloThatMakesNoSenseIsRefused() throws Exception {
        assertThat(answer(hello(ATTACH, "not a uuid"))).contains("SPLITMEM_VM is not a uuid");
        assertThat(answer(hello(WRONG_ROLE, VM))).contains("unknown role 77");
        assertThat(answer(message(ShimMessage.OPEN, ATTACH, 0, VM))).contains("type 4 where 1 was expected");
        for (long backends : new long[] {0, -1, 257, Long.MAX_VALUE}) {
            assertThat(answer(message(ShimMessage.HELLO, SERVICE, backends, VM)))
                    .contains("a service connection for " + backends + " backends");
        }
    }

    @Test
    void backendsThatCannotBeAreRefused() throws Exception {
        for (int index : new int[] {-1, 256, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            byte[] open = message(ShimMessage.OPEN, index, 0, "");

            assertThat(answer(both(hello(ATTACH, VM), open)))
                    .contains("RAM backend " + index + " is out of range 0-255");
        }
        assertThat(answer(both(hello(SERVICE, VM), message(ShimMessage.MAPPED, 0, 4096, ""))))
                .contains("MAPPED came without a userfaultfd");
    }

    @Test
    void memoryOfAnUnknownVmCannotBeGivenBack() throws Exception {
        assertThat(answer(hello(DISCARD, VM))).contains("no QEMU of it is known here");
    }

    @Test
    void anotherUserIsRefused() throws Exception {
        try (ShimServer strict = start(directory.resolve("strict.sock"), ownUid() + 1)) {
            assertThat(answer(directory.resolve("strict.sock"), hello(ATTACH, VM)))
                    .contains("is not among shim.allowed-users");
            assertThat(strict).isNotNull();
        }
    }

    /** It comes again ten times a second until its QEMU ends, and gets its answer each time. */
    @Test
    void aShimThatComesAgainAndAgainFillsNoLog() throws Exception {
        Logger logger = (Logger) LoggerFactory.getLogger(ShimServer.class);
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        log.start();
        Level before = logger.getLevel();
        logger.setLevel(Level.WARN);
        logger.addAppender(log);
        try {
            for (int i = 0; i < 5; i++) {
                assertThat(answer(hello(DISCARD, VM))).contains("no QEMU of it is known here");
            }
            answer(hello(WRONG_ROLE, VM));

            assertThat(List.copyOf(log.list))
                    .extracting(ILoggingEvent::getFormattedMessage)
                    .containsExactly(
                            "a shim was refused: no QEMU of it is known here", "a shim was refused: unknown role 77");
        } finally {
            logger.detachAppender(log);
            logger.setLevel(before);
        }
    }

    /** A hand-shake may stop anywhere; or each of its bytes comes in time, and the whole does not. */
    @Test
    void aShimThatStallsOrTricklesIsDropped() throws Exception {
        Path socket = directory.resolve("impatient.sock");
        byte[] whole = hello(ATTACH, VM);
        try (ShimServer impatient = start(socket, ownUid(), process -> QEMU, 300);
                SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            assertThat(impatient).isNotNull();
            CompletableFuture<Integer> sent = CompletableFuture.supplyAsync(() -> trickle(channel, whole));
            for (int length : new int[] {0, 1, 100, ShimMessage.SIZE - 1}) {
                assertThat(answer(socket, Arrays.copyOf(whole, length)))
                        .as("after " + length + " B")
                        .contains(STALLED);
            }
            assertThat(answer(socket, whole)).containsAnyOf(STALLED_LATER);
            assertThat(answer(socket, hello(SERVICE, VM))).containsAnyOf(STALLED_LATER);
            assertThat(new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8))
                    .contains(STALLED);
            assertThat(sent.get(10, TimeUnit.SECONDS)).isLessThan(ShimMessage.SIZE);
        }
    }

    /** A byte each 10 ms, until the other end hangs up. @return how many it took */
    private static int trickle(SocketChannel channel, byte[] bytes) {
        int sent = 0;
        try {
            while (sent < bytes.length) {
                channel.write(ByteBuffer.wrap(bytes, sent, 1));
                sent++;
                TimeUnit.MILLISECONDS.sleep(10);
            }
        } catch (IOException hungUp) {
            return sent;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return sent;
    }

    @Test
    void shimsThatStallKeepNobodyElseWaiting() throws Exception {
        AtomicReference<Qemu> caller = new AtomicReference<>(QEMU);
        Path socket = directory.resolve("patient.sock");
        ShimServer patient = start(socket, ownUid(), process -> caller.get(), 60_000);
        List<SocketChannel> stalled = new ArrayList<>();
        try {
            for (int i = 0; i < ShimServer.MOST_OF_QEMU; i++) {
                stalled.add(SocketChannel.open(UnixDomainSocketAddress.of(socket)));
                stalled.get(i).write(ByteBuffer.wrap(hello(ATTACH, VM), 0, 8 * i));
            }

            assertThat(answer(socket, hello(ATTACH, VM)))
                    .as("one more of that QEMU")
                    .isEmpty();
            caller.set(null); // another process: one of those that are counted apart
            assertThat(answer(socket, hello(ATTACH, VM))).contains("is no QEMU that libvirt has started");
        } finally {
            for (SocketChannel channel : stalled) {
                channel.close();
            }
            patient.close();
        }
    }

    @Test
    void aQemuCannotSpeakForAnotherVm() throws Exception {
        String victim = "6d1f0000-0000-4000-8000-000000000002";
        for (int role : new int[] {ATTACH, SERVICE, DISCARD}) {
            assertThat(answer(hello(role, victim))).contains("is the QEMU of VM " + VM + ", not of " + victim);
        }
    }

    /** Of descriptors that are passed, none may stay open in the daemon, however many come and with what. */
    @Test
    void descriptorsThatNobodyAskedForAreClosed() throws Exception {
        Path program = Gcc.compile("hostile/pass_descriptors.c", directory.resolve("pass_descriptors"));
        for (String with : List.of("hello 1", "hello 2", "hello 200", "second 1", "second 2", "mapped 2")) {
            String[] how = with.split(" ");
            Process process = new ProcessBuilder(
                            program.toString(), directory.resolve("shim.sock").toString(), VM, how[0], how[1])
                    .redirectErrorStream(true)
                    .start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor()).as(with + ": " + said).isZero();
            assertThat(said)
                    .as(with)
                    .containsAnyOf(
                            "more than one descriptor",
                            "where none was expected",
                            "where 6 was expected", // the first went with a read that takes no descriptors
                            "no RAM is known here");
        }
        assertThat(passedDescriptors()).isEmpty();
    }

    /** What this process has open of the file that the program passes. */
    private static List<Path> passedDescriptors() throws IOException {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (Path fd : all) {
                try {
                    if (Files.readSymbolicLink(fd).toString().contains("memfd:passed")) {
                        found.add(fd);
                    }
                } catch (NoSuchFileException closedMeanwhile) {
                    assertThat(closedMeanwhile).isNotNull();
                }
            }
        }
        return found;
    }

    @Test
    void whatIsNoUserfaultfdIsRefused() throws Exception {
        Path program = Gcc.compile("hostile/pass_descriptors.c", directory.resolve("pass_descriptors"));
        record Case(String what, String address, String length, String answer) {}
        for (Case wrong : List.of(
                new Case("zero", "0x7f0000000000", "4096", "is no userfaultfd, but /dev/zero"),
                new Case("raw", "0x7f0000000000", "4096", "was not made ready by UFFDIO_API"),
                new Case("blocking", "0x7f0000000000", "4096", "lacks O_NONBLOCK"),
                new Case("ready", "0x7f0000000000", "0", "are no whole pages"),
                new Case("ready", "0x7f0000000000", "-4096", "are no whole pages"),
                new Case("ready", "0x7f0000000001", "4096", "are no whole pages"),
                new Case("ready", "0x7f0000000000", "0x4000000000000000", "are no whole pages"),
                new Case("ready", "0x7f0000000000", "4096", "no RAM is known here"))) {
            Process process = new ProcessBuilder(
                            program.toString(),
                            directory.resolve("shim.sock").toString(),
                            VM,
                            "uffd",
                            wrong.what(),
                            wrong.address(),
                            wrong.length())
                    .redirectErrorStream(true)
                    .start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(said).as(wrong.toString()).contains(wrong.answer());
        }
    }
}
