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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.linux.Fd;

/** Whoever comes to the shim's socket and is no shim is refused; one that stalls is dropped and keeps nobody waiting. */
class ShimServerTest {
    private static final String VM = "6d1f0000-0000-4000-8000-000000000001";
    private static final int ATTACH = 1, SERVICE = 2, DISCARD = 3;
    private static final int WRONG_ROLE = 77;
    private static final int MAGIC = 0x48535053;
    private static final String[] STALLED = {"Resource temporarily unavailable", "made no progress"};

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

    /** It drops a shim that says nothing for 300 ms, and knows no VM. */
    private static ShimServer start(Path socket, int allowedUid) throws IOException {
        ShimServer server = new ShimServer(socket, Set.of(allowedUid), new NoVms(), 300);
        server.start();
        return server;
    }

    private static final class NoVms implements ShimHandler {
        @Override
        public Backend open(UUID vm, int pid, int index) throws IOException {
            throw new IOException("no VM is known here");
        }

        @Override
        public Watch mapped(UUID vm, int pid, int index, long hva, long bytes, Fd uffd) throws IOException {
            throw new IOException("no RAM is known here");
        }

        @Override
        public void ready(ShimSession session) {
            throw new AssertionError("a shim that was refused is ready");
        }

        @Override
        public DiscardHandler discards(UUID vm, int pid, DiscardConnection connection) throws IOException {
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

    /** A hand-shake may stop anywhere. */
    @Test
    void aShimThatStallsIsDropped() throws Exception {
        byte[] whole = hello(ATTACH, VM);
        for (int length : new int[] {0, 1, 100, ShimMessage.SIZE - 1, ShimMessage.SIZE}) {
            assertThat(answer(Arrays.copyOf(whole, length)))
                    .as("after " + length + " B")
                    .containsAnyOf(STALLED);
        }
        assertThat(answer(hello(SERVICE, VM))).containsAnyOf(STALLED);
    }

    @Test
    void shimsThatStallKeepNobodyWaiting() throws Exception {
        ShimServer patient = new ShimServer(directory.resolve("patient.sock"), Set.of(ownUid()), new NoVms(), 60_000);
        patient.start();
        List<SocketChannel> stalled = new ArrayList<>();
        try {
            for (int i = 0; i < 20; i++) {
                stalled.add(SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve("patient.sock"))));
                stalled.get(i).write(ByteBuffer.wrap(hello(ATTACH, VM), 0, 8 * i));
            }

            assertThat(answer(directory.resolve("patient.sock"), hello(WRONG_ROLE, VM)))
                    .contains("unknown role 77");
        } finally {
            for (SocketChannel channel : stalled) {
                channel.close();
            }
            patient.close();
        }
    }
}
