package org.splitmem.memory.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.remote.PageOutClient;
import org.splitmem.memory.stream.Flushes;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RunList;

/** A store whose VM migrates: it is its owner's until the next one adopts it, and from then on that one's alone. */
class NextOwnerTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final String HEIR = "0e12".repeat(16);
    private static final long PAGES = 100;

    private static final Flushes.Damaged NONE = page -> {
        throw new AssertionError("page " + page + " is damaged");
    };

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private Lender h3;
    private GuestMemory memory;
    private PageOutClient owner;
    private PageOutClient heir;

    @BeforeEach
    void start() throws Exception {
        h3 = new Lender("h3", directory.resolve("h3")).reserve(VM, PAGES, Pages.toBytes(PAGES));
        memory = TestMemory.of(directory.path(), PAGES);
        GuestContent.write(memory, 0, PAGES, 1);
        connect();
        owner.adopt(1);
        owner.store(pages(10), NONE);
    }

    private void connect() {
        owner = new PageOutClient(h3.endpoint(VM, 1, PAGES), memory);
        heir = new PageOutClient(heirs(), memory);
    }

    private void restart() throws Exception {
        h3.goAway();
        h3.comeBack();
        owner.close();
        heir.close();
        connect();
    }

    @AfterEach
    void end() {
        owner.close();
        heir.close();
        h3.close();
        memory.close();
    }

    private Endpoint heirs() {
        return new Endpoint("h3", h3.address(), VM, HEIR, 2, PAGES);
    }

    private static RunList pages(long count) {
        RunList runs = new RunList();
        runs.add(0, count);
        return runs;
    }

    private void name() throws Exception {
        assertThat(h3.server().setNextOwner(VM, Lender.TOKEN, new StoreRecord.Next("h2", HEIR, 2)))
                .isTrue();
    }

    private FrameType read() throws Exception {
        try (FrameSocket socket = heirs().connect(Hello.Role.PAGE_IN)) {
            socket.send(FrameType.PAGE_IN, 3, 1, 0);
            assertThat(socket.receive()).isTrue();
            return socket.type();
        }
    }

    private static ErrorCode refusal(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        return catchThrowableOfType(PeerException.class, call).code();
    }

    @Test
    void whomNobodyHasNamedIsRefused() throws Exception {
        assertThat(refusal(this::read)).isEqualTo(ErrorCode.UNKNOWN_VM);
        assertThat(h3.server().setNextOwner(VM, HEIR, new StoreRecord.Next("h2", HEIR, 2)))
                .isFalse();
        name();
        h3.server().setNextOwner(VM, Lender.TOKEN, null);

        assertThat(refusal(this::read)).isEqualTo(ErrorCode.UNKNOWN_VM);
    }

    @Test
    void itMayReadManyPagesAtOnceToo() throws Exception {
        assertThat(refusal(() -> heirs().connect(Hello.Role.FETCH).close())).isEqualTo(ErrorCode.UNKNOWN_VM);
        name();

        try (FrameSocket socket = heirs().connect(Hello.Role.FETCH)) {
            pages(10).sendAs(FrameType.FETCH, socket, 0, 0);
            assertThat(socket.receive()).isTrue();
            assertThat(socket.type()).isEqualTo(FrameType.PAGES);
        }
    }

    @Test
    void itMayReadAndChangeNothing() throws Exception {
        name();
        restart();

        assertThat(read()).isEqualTo(FrameType.PAGE_DATA);
        assertThat(refusal(() -> heir.store(pages(1), NONE))).isEqualTo(ErrorCode.STALE_EPOCH);
        assertThat(refusal(() -> heir.dropNow(pages(1)))).isEqualTo(ErrorCode.STALE_EPOCH);
        assertThat(refusal(() -> heirs().connect(Hello.Role.PULL).close())).isEqualTo(ErrorCode.UNKNOWN_VM);
        owner.store(pages(20), NONE);
        assertThat(h3.server().heldBytes()).isEqualTo(Pages.toBytes(20));
    }

    @Test
    void onceItHasAdoptedItIsTheOnlyOwner() throws Exception {
        name();

        heir.adopt(2);
        restart();

        heir.store(pages(30), NONE);
        assertThat(h3.server().heldBytes()).isEqualTo(Pages.toBytes(30));
        assertThat(refusal(() -> owner.store(pages(1), NONE))).isEqualTo(ErrorCode.UNKNOWN_VM);
        assertThat(h3.server().release(VM, Lender.TOKEN)).isFalse();
        assertThat(h3.server().release(VM, HEIR)).isTrue();
    }

    /** The connections of the former one are open still. */
    @Test
    void theFormerOwnerIsRefusedOnItsOwnConnection() throws Exception {
        name();

        heir.adopt(2);

        assertThat(refusal(() -> owner.store(pages(1), NONE))).isEqualTo(ErrorCode.STALE_EPOCH);
    }

    /** It was named for a migration that was given up; another destination is named now. */
    @Test
    void whoWasNamedBeforeCannotAdoptAnyMore() throws Exception {
        name();
        assertThat(refusal(() -> heir.store(pages(1), NONE))).isEqualTo(ErrorCode.STALE_EPOCH); // it is connected
        h3.server().setNextOwner(VM, Lender.TOKEN, new StoreRecord.Next("h5", "0".repeat(64), 2));

        assertThat(catchThrowableOfType(PeerException.class, () -> heir.adopt(2)))
                .isNotNull();
        owner.store(pages(20), NONE);
    }

    /** Its daemon was restarted, and does not know whom the last one had named. */
    @Test
    void nobodyIsNextAnyMoreOnceTheOwnerAdoptsAnew() throws Exception {
        name();
        owner.close();
        owner = new PageOutClient(h3.endpoint(VM, 1, PAGES), memory);

        owner.adopt(1);

        assertThat(refusal(this::read)).isEqualTo(ErrorCode.UNKNOWN_VM);
        assertThat(refusal(() -> heir.adopt(2))).isEqualTo(ErrorCode.UNKNOWN_VM);
        owner.store(pages(20), NONE);
    }

    @Test
    void thatTheOwnerAdoptsIsNoWordOfOneWhomItHasNamedSince() throws Exception {
        try (FrameSocket late = h3.endpoint(VM, 1, PAGES).connect(Hello.Role.PAGE_OUT)) {
            name();
            late.send(FrameType.ADOPT, 1, 0, 0);
            late.send(FrameType.FLUSH, 0, 0, 1);
            assertThat(late.receive()).isTrue();
        }

        assertThat(read()).isEqualTo(FrameType.PAGE_DATA);
        heir.adopt(2);
    }

    /** Which connection is the later one counts among an owner's own. */
    @Test
    void theNextOneMayHaveConnectedBeforeTheOwnerDidAgain() throws Exception {
        name();
        heir.dropNow(new RunList());
        owner.interrupt();
        owner.store(pages(20), NONE);

        heir.adopt(2);
        heir.store(pages(30), NONE);

        assertThat(h3.server().heldBytes()).isEqualTo(Pages.toBytes(30));
        assertThat(refusal(() -> owner.store(pages(1), NONE))).isEqualTo(ErrorCode.STALE_EPOCH);
    }

    /** The VM may just have migrated from it. */
    @Test
    void fencingTheOwnerLeavesItToTheNextOne() throws Exception {
        name();

        MemoryServer.Fenced fenced = h3.server().fence("h1", null);

        assertThat(fenced.freed()).isEmpty();
        assertThat(fenced.kept()).extracting(StoreRecord::heir).containsExactly("h2");

        heir.adopt(2);
        assertThat(h3.server().fence("h2", null).freed()).hasSize(1);
    }

    @Test
    void fencingTheNextOneLeavesItToItsOwner() throws Exception {
        name();

        MemoryServer.Fenced fenced = h3.server().fence("h2", null);

        assertThat(fenced.freed()).isEmpty();
        assertThat(fenced.kept()).isEmpty();

        assertThat(refusal(this::read)).isEqualTo(ErrorCode.UNKNOWN_VM);
        owner.store(pages(20), NONE);
    }
}
