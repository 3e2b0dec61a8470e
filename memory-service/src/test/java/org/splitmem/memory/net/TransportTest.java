package org.splitmem.memory.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.remote.PageOutClient;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.RunList;
import org.splitmem.memory.wire.SmallJson;

@Timeout(60)
class TransportTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final long PAGES = 100;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final Secret secret = new Secret();
    private Lender h3;

    /** Each side says a word that only members of the cluster know, before anything else. */
    private static final class Secret implements Security {
        private static final long WORD = 0x1CEB00DA;
        private static final long ANSWER = 0xFACADE;

        final List<String> connected = new CopyOnWriteArrayList<>();
        final AtomicInteger accepted = new AtomicInteger();
        volatile long word = WORD;

        @Override
        public void connected(StreamSocket socket, String host) throws IOException {
            say(socket, word);
            require(socket, ANSWER);
            connected.add(host);
        }

        @Override
        public void accepted(StreamSocket socket) throws IOException {
            require(socket, WORD);
            say(socket, ANSWER);
            accepted.incrementAndGet();
        }

        @Override
        public @Nullable SSLContext control() {
            return null;
        }

        private static void say(StreamSocket socket, long word) throws IOException {
            NativeBlock block = new NativeBlock(Long.BYTES).putLong(0, word);
            socket.send(block.address(), Long.BYTES, false);
            NativeBlock.keep(block);
        }

        private static void require(StreamSocket socket, long word) throws IOException {
            NativeBlock block = new NativeBlock(Long.BYTES);
            socket.receive(block.address(), Long.BYTES);
            if (block.getLong(0) != word) {
                throw new IOException(socket.peer() + " is none of ours");
            }
        }
    }

    @BeforeEach
    void start() throws Exception {
        Transport.use(secret);
        h3 = new Lender("h3", directory.resolve("h3")).reserve(VM, PAGES, Pages.toBytes(PAGES));
    }

    @AfterEach
    void end() {
        h3.close();
        Transport.use(Security.NONE);
    }

    @Test
    void whatSecuresConnectionsIsOneClassAndPagesComeThroughIt() throws Exception {
        GuestMemory memory = TestMemory.of(directory.path(), PAGES);
        GuestContent.write(memory, 0, PAGES, 1);
        RunList pages = new RunList();
        pages.add(0, 10);
        try (PageOutClient owner = new PageOutClient(h3.endpoint(VM, 1, PAGES), memory)) {
            owner.adopt(1);
            owner.store(pages, page -> {
                throw new AssertionError("page " + page + " is damaged");
            });
        }

        assertThat(h3.server().heldBytes()).isPositive();
        assertThat(secret.connected).isNotEmpty().containsOnly("h3");
        assertThat(secret.accepted.get()).isEqualTo(secret.connected.size());
    }

    @Test
    void oneWithoutItComesToNoHello() throws Exception {
        try (FrameSocket plain = new FrameSocket(StreamSocket.connect(h3.address(), 5_000))) {
            plain.socket().setTimeouts(10_000, 10_000);
            plain.sendSmall(
                    FrameType.HELLO, 0, SmallJson.encode(new Hello(Hello.Role.PAGE_OUT, VM, Lender.TOKEN, 1, PAGES)));

            assertThatThrownBy(() -> {
                        if (!plain.receive()) {
                            throw new IOException("it was closed");
                        }
                    })
                    .isInstanceOf(IOException.class);
        }
        assertThat(secret.accepted.get()).isZero();
    }

    @Test
    void aPeerThatIsNotWhatItSaysIsNotTalkedTo() {
        secret.word = 1;
        Endpoint endpoint = h3.endpoint(VM, 1, PAGES);

        assertThatThrownBy(() -> endpoint.connect(Hello.Role.PAGE_IN)).isInstanceOf(IOException.class);
        assertThat(secret.connected).isEmpty();
    }

    /** A connection that is made elsewhere would not be secured. */
    @Test
    void nothingElseConnectsOrListens() throws Exception {
        try (Stream<Path> sources = Files.walk(Path.of("src", "main", "java"))) {
            List<String> others = sources.filter(file -> file.toString().endsWith(".java"))
                    .filter(file -> !file.endsWith(Path.of("net", "Transport.java")))
                    .filter(file -> !file.toString().contains("/linux/"))
                    .filter(TransportTest::isConnecting)
                    .map(Path::toString)
                    .toList();

            assertThat(others).isEmpty();
        }
    }

    private static boolean isConnecting(Path source) {
        try {
            String text = Files.readString(source);
            return Stream.of(
                            "StreamSocket.connect(",
                            "ListeningSocket.tcp(",
                            "HttpClient.newBuilder(",
                            "HttpClient.newHttpClient(",
                            "new Socket(",
                            "SocketChannel.open(")
                    .anyMatch(text::contains);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
