package org.splitmem.memory.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.remote.FetchClient;
import org.splitmem.memory.remote.PageOutClient;
import org.splitmem.memory.remote.PullClient;
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

/** One memory server fetches pages from another, at the owner's word. */
class PullTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final long PAGES = 8_000;
    private static final long EPOCH = 1;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private GuestMemory memory;
    private Lender old;
    private Lender taker;

    @BeforeEach
    void start() throws Exception {
        memory = TestMemory.of(directory.path(), PAGES);
        old = new Lender("h2", directory.resolve("h2")).reserve(VM, PAGES, Pages.toBytes(PAGES));
        taker = new Lender("h3", directory.resolve("h3")).reserve(VM, PAGES, Pages.toBytes(PAGES / 2));
        taker.knows(old);
    }

    @AfterEach
    void end() {
        old.close();
        taker.close();
        memory.close();
    }

    private void store(Lender at, long from, long count, int version) throws Exception {
        GuestContent.write(memory, from, count, version);
        try (PageOutClient out = new PageOutClient(endpoint(at), memory)) {
            for (long page = from; page < from + count; page += RunList.MAX_PAGES) {
                RunList runs = new RunList();
                runs.add(page, Math.min(RunList.MAX_PAGES, from + count - page));
                out.store(runs, damaged -> {
                    throw new AssertionError("page " + damaged + " is damaged");
                });
            }
        }
    }

    private static Endpoint endpoint(Lender lender) {
        return lender.endpoint(VM, EPOCH, PAGES);
    }

    private static class Puller implements PullClient.Pull {
        private final long end;
        private long next;
        final List<Long> stored = new ArrayList<>();

        Puller(long from, long end) {
            this.next = from;
            this.end = end;
        }

        @Override
        public void begun() throws IOException {
            // nothing is to be settled before
        }

        @Override
        public boolean next(RunList pages) {
            while (next < end && pages.pages() < RunList.MAX_PAGES) {
                pages.add(next++);
            }
            return !pages.isEmpty();
        }

        @Override
        public void answered(RunList asked, RunList came, int damaged) {
            for (int run = 0; run < came.runs(); run++) {
                for (long page = came.first(run); page < came.first(run) + came.count(run); page++) {
                    stored.add(page);
                }
            }
        }
    }

    private Puller pull(long from, long end) throws Exception {
        Puller puller = new Puller(from, end);
        try (PullClient client = new PullClient(endpoint(taker), endpoint(old))) {
            client.pull(puller);
        }
        return puller;
    }

    /** Each page of the taker has the content of that version; its checksum is looked at by who fetches it. */
    private void assertHas(long from, long end, int version) throws Exception {
        List<Long> came = new ArrayList<>();
        try (FetchClient client = new FetchClient(endpoint(taker))) {
            client.fetch(new FetchClient.Fetch() {
                private long next = from;

                @Override
                public boolean next(RunList pages) {
                    while (next < end && pages.pages() < RunList.MAX_PAGES) {
                        pages.add(next++);
                    }
                    return !pages.isEmpty();
                }

                @Override
                public void take(long address, long page, long count) throws IOException {
                    memory.write(address, page, count);
                    for (long i = 0; i < count; i++) {
                        came.add(page + i);
                    }
                }

                @Override
                public void answered(RunList pages, int damaged) {
                    assertThat(damaged).isZero();
                }

                @Override
                public void unanswered(RunList pages) {
                    throw new AssertionError("unanswered");
                }
            });
        }
        assertThat(came).hasSize((int) (end - from));
        for (long page = from; page < end; page++) {
            assertThat(GuestContent.matches(memory, page, version))
                    .as("page %s", page)
                    .isTrue();
        }
    }

    @Test
    void everyPageComesWithItsChecksum() throws Exception {
        store(old, 0, 3_000, 4);
        GuestContent.write(memory, 0, 3_000, 9);

        assertThat(pull(0, 3_000).stored).hasSize(3_000);

        assertHas(0, 3_000, 4);
        assertThat(taker.server().heldBytes()).isEqualTo(Pages.toBytes(3_000));
        assertThat(old.server().heldBytes())
                .as("whose they are, the owner says")
                .isEqualTo(Pages.toBytes(3_000));
    }

    @Test
    void whatTheOwnerHasSentThereIsNewerAndStays() throws Exception {
        store(old, 0, 100, 1);
        store(taker, 10, 20, 2);

        assertThat(pull(0, 100).stored).hasSize(80).doesNotContain(10L, 29L).contains(9L, 30L);

        assertHas(10, 30, 2);
        assertHas(30, 100, 1);
    }

    @Test
    void whatTheOtherServerDoesNotHaveIsNotStored() throws Exception {
        store(old, 50, 10, 1);

        assertThat(pull(0, 100).stored).containsExactly(50L, 51L, 52L, 53L, 54L, 55L, 56L, 57L, 58L, 59L);
    }

    @Test
    void moreThanWasReservedIsRefusedAndNothingElseIsAffected() throws Exception {
        store(old, 0, PAGES, 1);

        PeerException refusal = catchThrowableOfType(PeerException.class, () -> pull(0, PAGES));

        assertThat(refusal.code()).isEqualTo(ErrorCode.FULL);
        assertThat(taker.server().heldBytes()).isLessThanOrEqualTo(Pages.toBytes(PAGES / 2));
        assertHas(0, 1_000, 1);
    }

    /** An owner's daemon that has died may have left one that is still at work. */
    @Test
    void anEarlierConnectionStoresNothingAnyMore() throws Exception {
        store(old, 0, 3_000, 1);
        Puller first = new Puller(0, 3_000) {
            @Override
            public void begun() throws IOException {
                try {
                    pull(2_999, 3_000);
                } catch (Exception e) {
                    throw new IOException(e);
                }
            }
        };
        try (PullClient client = new PullClient(endpoint(taker), endpoint(old))) {
            PeerException refusal = catchThrowableOfType(PeerException.class, () -> client.pull(first));

            assertThat(refusal.code()).isEqualTo(ErrorCode.STALE_EPOCH);
        }
        assertThat(first.stored).isEmpty();
        assertThat(taker.server().heldBytes()).isEqualTo(Pages.SIZE);
    }

    @Test
    void itConnectsOnlyToHostsThatItKnows() {
        Endpoint stranger = new Endpoint("h9", old.address(), VM, Lender.TOKEN, EPOCH, PAGES);
        try (PullClient client = new PullClient(endpoint(taker), stranger)) {
            assertThatThrownBy(() -> client.pull(new Puller(0, 1))).hasMessageContaining("host h9 is not known");
        }
    }

    @Test
    void aWrongTokenForTheOtherServerIsRefused() {
        Endpoint wrong = new Endpoint("h2", old.address(), VM, "0".repeat(64), EPOCH, PAGES);
        try (PullClient client = new PullClient(endpoint(taker), wrong)) {
            assertThatThrownBy(() -> client.pull(new Puller(0, 1))).hasMessageContaining("no memory of VM " + VM);
        }
    }

    @Test
    void whatIsNotAPullIsRefusedByName() throws Exception {
        try (FrameSocket socket = endpoint(taker).connect(Hello.Role.PULL)) {
            socket.send(FrameType.FLUSH, 0, 0, 1);

            assertThatThrownBy(socket::receive).hasMessageContaining("FLUSH").hasMessageContaining("PULL_FROM");
        }
    }
}
