package org.splitmem.memory.remote;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.stream.Flushes;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RunList;

class PageOutClientTest {
    private static final UUID VM = ScriptedServer.VM;
    private static final long PAGES = 2_000;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private static final Flushes.Damaged NONE = page -> {
        throw new AssertionError("page " + page + " is damaged");
    };

    private final List<String> seen = new CopyOnWriteArrayList<>();
    private GuestMemory memory;

    @BeforeEach
    void start() throws Exception {
        memory = TestMemory.of(directory.path(), PAGES);
        GuestContent.write(memory, 0, PAGES, 1);
    }

    @AfterEach
    void end() {
        memory.close();
    }

    private static RunList runs(long from, long count) {
        RunList runs = new RunList();
        runs.add(from, count);
        return runs;
    }

    /** Takes everything, and notes it. */
    private void note(FrameSocket socket) throws IOException {
        RunList runs = new RunList();
        while (socket.receive()) {
            switch (socket.type()) {
                case PAGES, DROP -> {
                    boolean pages = socket.type() == FrameType.PAGES;
                    seen.add(socket.type().toString());
                    runs.receive(socket, PAGES, PAGES);
                    if (pages) {
                        NativeBlock content = new NativeBlock((int) (runs.pages() * (Integer.BYTES + Pages.SIZE)));
                        socket.socket().receive(content.address(), content.size());
                    }
                }
                case FLUSH -> socket.send(FrameType.FLUSHED, 0, 0, socket.value());
                default -> throw socket.bad("no such thing expected");
            }
        }
    }

    @Test
    void dropsGoOutBeforeALaterPageOut() throws Exception {
        try (ScriptedServer server = new ScriptedServer((socket, connection) -> note(socket));
                PageOutClient client = new PageOutClient(server.endpoint(PAGES), memory)) {
            client.drop(5);
            client.store(runs(5, 1), NONE);
            client.drop(5);
            client.store(runs(5, 1), NONE);

            assertThat(seen).containsExactly("DROP", "PAGES", "DROP", "PAGES");
            assertThat(server.connections()).isEqualTo(1);
        }
    }

    @Test
    void aCopyStoredAfterADropOfThePageIsKept() throws Exception {
        try (Lender h2 = new Lender("h2", directory.resolve("h2")).reserve(VM, PAGES, Pages.toBytes(PAGES));
                PageOutClient client = new PageOutClient(h2.endpoint(VM, 1, PAGES), memory)) {
            for (int i = 0; i < 20; i++) {
                client.store(runs(10, 100), NONE);
                for (long page = 10; page < 110; page++) {
                    client.drop(page);
                }
            }
            client.store(runs(10, 100), NONE);

            assertThat(h2.server().heldBytes()).isEqualTo(Pages.toBytes(100));
        }
    }

    @Test
    void reconcilingDropsTheStaleAndOnlyThem() throws Exception {
        try (Lender h2 = new Lender("h2", directory.resolve("h2")).reserve(VM, PAGES, Pages.toBytes(PAGES));
                PageOutClient client = new PageOutClient(h2.endpoint(VM, 1, PAGES), memory)) {
            for (long page = 0; page < PAGES; page += 500) {
                client.store(runs(page, 500), NONE);
            }

            long dropped = client.reconcile(page -> page % 3 == 0); // more runs than one list holds

            assertThat(dropped).isEqualTo(667);
            client.store(runs(0, 1), NONE); // the drops are through when this is
            assertThat(h2.server().heldBytes()).isEqualTo(Pages.toBytes(PAGES - 667 + 1));
            assertThat(client.reconcile(page -> page % 3 == 0)).isEqualTo(1);
        }
    }

    private PeerException storeAt(ScriptedServer.Script script) throws IOException {
        try (ScriptedServer server = new ScriptedServer(script);
                PageOutClient client = new PageOutClient(server.endpoint(PAGES), memory)) {
            return catchThrowableOfType(PeerException.class, () -> client.store(runs(0, 1), NONE));
        }
    }

    @Test
    void aPeerThatAcknowledgesSomethingElseIsNotBelieved() throws Exception {
        assertThat(storeAt((socket, connection) -> {
                    socket.send(FrameType.FLUSHED, 0, 0, 99);
                    note(socket);
                }))
                .hasMessageContaining("no FLUSHED 1");
    }

    @Test
    void aPeerThatListsForEverIsNotFollowed() throws Exception {
        ScriptedServer.Script script = (socket, connection) -> {
            while (socket.receive()) {
                new RunList().sendAs(FrameType.HELD, socket, 0, 0);
            }
        };
        try (ScriptedServer server = new ScriptedServer(script);
                PageOutClient client = new PageOutClient(server.endpoint(PAGES), memory)) {
            PeerException refusal = catchThrowableOfType(PeerException.class, () -> client.reconcile(page -> true));

            assertThat(refusal).hasMessageContaining("a list that ends at 0 and began at 0");
        }
    }

    @Test
    void aConnectionThatBrokeIsMadeAgainAtTheNextCall() throws Exception {
        try (ScriptedServer server = new ScriptedServer((socket, connection) -> {
                    if (connection > 1) {
                        note(socket);
                    }
                });
                PageOutClient client = new PageOutClient(server.endpoint(PAGES), memory)) {
            IOException broken = catchThrowableOfType(IOException.class, () -> client.store(runs(0, 500), NONE));

            assertThat(broken).isNotNull();
            client.store(runs(0, 500), NONE);
            assertThat(seen).isNotEmpty().containsOnly("PAGES");
        }
    }
}
