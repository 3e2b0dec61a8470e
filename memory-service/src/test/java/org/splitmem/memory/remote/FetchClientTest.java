package org.splitmem.memory.remote;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.memory.linux.Mman;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageChecksum;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RunList;

class FetchClientTest {
    private static final long PAGES = 4096;
    private static final int REQUEST = 8;

    /** Asks for pages from 0 on, some at a time. */
    private static class Asker implements FetchClient.Fetch {
        private final long end;
        private long next;
        final List<Long> taken = new ArrayList<>();
        final List<Long> answered = new ArrayList<>();
        final List<Long> unanswered = new ArrayList<>();
        int damaged;

        Asker(long end) {
            this.end = end;
        }

        @Override
        public boolean next(RunList pages) {
            for (int i = 0; i < REQUEST && next < end; i++) {
                pages.add(next++);
            }
            return !pages.isEmpty();
        }

        @Override
        public void take(long address, long page, long count) throws IOException {
            for (long p = page; p < page + count; p++) {
                taken.add(p);
            }
        }

        @Override
        public void answered(RunList pages, int damagedPages) {
            addAll(pages, answered);
            damaged += damagedPages;
        }

        @Override
        public void unanswered(RunList pages) {
            addAll(pages, unanswered);
        }

        private static void addAll(RunList pages, List<Long> to) {
            for (int run = 0; run < pages.runs(); run++) {
                for (long p = pages.first(run); p < pages.first(run) + pages.count(run); p++) {
                    to.add(p);
                }
            }
        }
    }

    private static RunList list(long... firstsAndCounts) {
        RunList list = new RunList();
        for (int i = 0; i < firstsAndCounts.length; i += 2) {
            list.add(firstsAndCounts[i], firstsAndCounts[i + 1]);
        }
        return list;
    }

    /** Each page begins with its number, and is zero else. */
    private static void answer(FrameSocket socket, RunList pages) throws Exception {
        int count = (int) pages.pages();
        int sums = count * Integer.BYTES;
        NativeBlock rest = new NativeBlock(Math.max(1, sums + count * Pages.SIZE));
        int at = 0;
        for (int run = 0; run < pages.runs(); run++) {
            for (long page = pages.first(run); page < pages.first(run) + pages.count(run); page++) {
                ByteBuffer bytes = ByteBuffer.allocate(Pages.SIZE).order(ByteOrder.LITTLE_ENDIAN);
                bytes.putLong(0, page);
                CRC32C crc32c = new CRC32C();
                crc32c.update(bytes.duplicate());
                rest.putInt(at * Integer.BYTES, PageChecksum.of((int) crc32c.getValue(), page));
                rest.putLong(sums + at * Pages.SIZE, page);
                at++;
            }
        }
        int length = sums + count * Pages.SIZE;
        socket.sendHeader(FrameType.PAGES, 0, pages.runs(), pages.bytes() + length, 0, count > 0);
        if (count > 0) {
            socket.socket().send(pages.sealed(), pages.bytes(), true);
            socket.socket().send(rest.address(), length, false);
        }
        NativeBlock.keep(rest);
    }

    private static RunList request(FrameSocket socket) throws Exception {
        RunList pages = new RunList();
        assertThat(socket.receive()).isTrue();
        assertThat(socket.type()).isEqualTo(FrameType.FETCH);
        pages.receive(socket, PAGES, RunList.MAX_PAGES);
        return pages;
    }

    private static ScriptedServer server(ThrowingScript script) throws Exception {
        return new ScriptedServer((socket, connection) -> {
            try {
                script.serve(socket);
            } catch (IOException e) {
                throw e;
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
    }

    private interface ThrowingScript {
        void serve(FrameSocket socket) throws Exception;
    }

    @Test
    void allThatIsAskedForComesInOrder() throws Exception {
        try (ScriptedServer server = server(socket -> {
                    RunList pages = new RunList();
                    while (socket.receive()) {
                        pages.receive(socket, PAGES, RunList.MAX_PAGES);
                        answer(socket, pages);
                    }
                });
                FetchClient client = new FetchClient(server.endpoint(PAGES))) {
            Asker asker = new Asker(100);

            client.fetch(asker);

            assertThat(asker.taken).hasSize(100).isSorted();
            assertThat(asker.answered).isEqualTo(asker.taken);
            assertThat(asker.unanswered).isEmpty();
            assertThat(asker.damaged).isZero();
        }
    }

    @Test
    void whatTheServerDoesNotHaveIsAnsweredAndNotTaken() throws Exception {
        try (ScriptedServer server = server(socket -> {
                    request(socket);
                    answer(socket, list(2, 1, 5, 3));
                });
                FetchClient client = new FetchClient(server.endpoint(PAGES))) {
            Asker asker = new Asker(REQUEST);

            client.fetch(asker);

            assertThat(asker.taken).containsExactly(2L, 5L, 6L, 7L);
            assertThat(asker.answered).hasSize(REQUEST);
        }
    }

    @Test
    void whatTheServerDoesNotAnswerIsToldWhenItBreaksOff() throws Exception {
        try (ScriptedServer server = server(socket -> {
                    RunList first = request(socket);
                    request(socket);
                    request(socket);
                    answer(socket, first);
                });
                FetchClient client = new FetchClient(server.endpoint(PAGES))) {
            Asker asker = new Asker(20);

            assertThatThrownBy(() -> client.fetch(asker)).hasMessageContaining("closed the connection");

            assertThat(asker.answered).hasSize(REQUEST);
            assertThat(asker.unanswered).hasSize(20 - REQUEST);
        }
    }

    @Test
    void pagesThatWereNotAskedForCostTheConnection() throws Exception {
        try (ScriptedServer server = server(socket -> {
                    request(socket);
                    answer(socket, list(9, 1)); // of the next request
                    request(socket);
                });
                FetchClient client = new FetchClient(server.endpoint(PAGES))) {
            Asker asker = new Asker(2 * REQUEST);

            assertThatThrownBy(() -> client.fetch(asker))
                    .isInstanceOf(PeerException.class)
                    .hasMessageContaining("pages that were not asked for");

            assertThat(asker.taken).isEmpty();
            assertThat(asker.unanswered).hasSize(2 * REQUEST);
        }
    }

    /** Takes neither the first page nor the last of an answer before the thread that receives waits for it, and looks at what it takes. */
    private static final class SlowTaker implements FetchClient.Fetch {
        private final Thread receiver = Thread.currentThread();
        private final long end;
        private long next;
        private long taken;
        final List<String> done = new ArrayList<>();

        SlowTaker(long end) {
            this.end = end;
        }

        @Override
        public boolean next(RunList pages) {
            while (pages.pages() < RunList.MAX_PAGES && next < end) {
                pages.add(next++);
            }
            return !pages.isEmpty();
        }

        @Override
        public void take(long address, long page, long count) throws IOException {
            if (taken == 0 || page + count == RunList.MAX_PAGES) {
                awaitReceiver();
            }
            for (long i = 0; i < count; i++) {
                long firstWord = Mman.view(address + Pages.toBytes(i), Long.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .getLong(0);
                if (firstWord != page + i) {
                    throw new IOException("page " + (page + i) + " begins with " + firstWord);
                }
            }
            taken += count;
        }

        private void awaitReceiver() throws IOException {
            try {
                Await.until("the receiver waits", () -> receiver.getState() == Thread.State.WAITING);
            } catch (Exception e) {
                throw new IOException(e);
            }
        }

        @Override
        public void answered(RunList pages, int damaged) {
            done.add(pages.pages() + " answered, " + taken + " taken");
        }

        @Override
        public void unanswered(RunList pages) {
            done.add(pages.pages() + " unanswered, " + taken + " taken");
        }
    }

    /** More pages than it keeps come while the first one is being taken. */
    @Test
    void pagesAreReceivedWhileEarlierOnesAreTakenAndDoNotReplaceThem() throws Exception {
        long pages = 2 * RunList.MAX_PAGES;
        try (ScriptedServer server = server(socket -> {
                    answer(socket, request(socket));
                    answer(socket, request(socket));
                });
                FetchClient client = new FetchClient(server.endpoint(PAGES))) {
            SlowTaker taker = new SlowTaker(pages);

            client.fetch(taker);

            assertThat(taker.done).containsExactly("512 answered, 512 taken", "512 answered, 1024 taken");
        }
    }

    @Test
    void whatCameBeforeTheConnectionBrokeIsTakenBeforeTheRestIsUnanswered() throws Exception {
        try (ScriptedServer server = server(socket -> {
                    RunList first = request(socket);
                    request(socket);
                    answer(socket, first);
                });
                FetchClient client = new FetchClient(server.endpoint(PAGES))) {
            SlowTaker taker = new SlowTaker(2 * RunList.MAX_PAGES);

            assertThatThrownBy(() -> client.fetch(taker)).isInstanceOf(IOException.class);

            assertThat(taker.done).containsExactly("512 answered, 512 taken", "512 unanswered, 512 taken");
        }
    }

    /** Its server goes on to wait for requests. */
    @Test
    @Timeout(10)
    void whatCannotBeTakenEndsTheFetchAtOnce() throws Exception {
        CountDownLatch ended = new CountDownLatch(1);
        try (ScriptedServer server = server(socket -> {
                    answer(socket, request(socket));
                    request(socket);
                    assertThat(socket.receive()).isFalse();
                    ended.countDown();
                });
                FetchClient client = new FetchClient(server.endpoint(PAGES))) {
            Asker asker = new Asker(2 * REQUEST) {
                @Override
                public void take(long address, long page, long count) throws IOException {
                    throw new IOException("no room for page " + page);
                }
            };

            assertThatThrownBy(() -> client.fetch(asker)).hasMessage("no room for page 0");

            assertThat(asker.unanswered).hasSize(2 * REQUEST);
            ended.await();
        }
    }

    @Test
    void anAnswerIsAPartOfItsRequestInItsOrder() {
        RunList asked = list(10, 10, 30, 1, 40, 5);

        assertThat(FetchClient.isWithin(list(), asked)).isTrue();
        assertThat(FetchClient.isWithin(list(10, 10, 30, 1, 40, 5), asked)).isTrue();
        assertThat(FetchClient.isWithin(list(11, 2, 15, 5, 44, 1), asked)).isTrue();
        assertThat(FetchClient.isWithin(list(9, 1), asked)).isFalse();
        assertThat(FetchClient.isWithin(list(10, 11), asked)).isFalse();
        assertThat(FetchClient.isWithin(list(30, 2), asked)).isFalse();
        assertThat(FetchClient.isWithin(list(15, 2, 12, 1), asked)).isFalse();
        assertThat(FetchClient.isWithin(list(15, 2, 16, 2), asked)).isFalse();
        assertThat(FetchClient.isWithin(list(45, 1), asked)).isFalse();
    }
}
