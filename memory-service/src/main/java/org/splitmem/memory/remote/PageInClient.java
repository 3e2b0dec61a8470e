package org.splitmem.memory.remote;

import java.io.IOException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;

/**
 * Page-ins from one peer: requests are pipelined and answered in order.
 *
 * <p>A lost connection is made again for as long as it takes, and every unanswered request is sent again: the faults of a
 * peer that is away simply wait. A page that was damaged on its way is asked for again. Any thread may {@link #request}; pages arrive on the
 * client's own thread.
 */
public final class PageInClient implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PageInClient.class);
    /** Requests in flight; a further one waits. Far more than a VM has threads that can fault. */
    static final int RING = 1024;

    /** A page that is damaged so many times in a row is so where it comes from. */
    static final int TRIES = 8;

    private static final long FIRST_RETRY_NS = 20_000_000L;
    private static final long LAST_RETRY_NS = 1_000_000_000L;

    private final Endpoint endpoint;
    private final PageSink sink;
    private final Thread receiver;

    // The ring of unanswered requests; guarded by this.
    private final long[] pageOf = new long[RING];
    private final long[] askedNsOf = new long[RING];
    private final byte[] triesOf = new byte[RING];
    private long head;
    private long tail;
    /** Requests before this one were reported as failed. */
    private long failedTo;

    private @Nullable FrameSocket socket;
    private volatile boolean closed;

    public PageInClient(Endpoint endpoint, PageSink sink) {
        this.endpoint = endpoint;
        this.sink = sink;
        this.receiver = new Thread(this::run, "page-in-" + endpoint.host());
        receiver.setDaemon(true);
    }

    public void start() {
        receiver.start();
    }

    /** Asks for a page. Waits only while {@value #RING} requests are unanswered. Allocates nothing. */
    public synchronized void request(long page, long nowNs) {
        try {
            while (tail - head == RING && !closed) {
                wait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for " + endpoint.host(), e);
        }
        ask(page, nowNs, 1);
    }

    private void ask(long page, long nowNs, int tries) {
        int slot = (int) (tail & (RING - 1));
        pageOf[slot] = page;
        askedNsOf[slot] = nowNs;
        triesOf[slot] = (byte) tries;
        tail++;
        FrameSocket s = socket;
        if (s != null) {
            try {
                s.send(FrameType.PAGE_IN, page, 1, 0);
            } catch (IOException e) {
                s.socket().shutdown(); // the receiver notices, connects again and repeats the request
            }
        }
    }

    /**
     * Whether a page may be asked for that nobody waits for. Half of the requests in flight are the guest's: a fault must never
     * wait for room, because every other fault of the VM would wait behind it.
     */
    public synchronized boolean hasRoomToSpare() {
        return tail - head < RING / 2;
    }

    /** Requests that are not answered yet. */
    public synchronized long unanswered() {
        return tail - head;
    }

    public synchronized boolean isConnected() {
        return socket != null;
    }

    private void run() {
        long retryNs = FIRST_RETRY_NS;
        boolean reported = false;
        while (!closed) {
            try (FrameSocket s = endpoint.connect(Hello.Role.PAGE_IN)) {
                try {
                    repeatUnanswered(s);
                    log.info("vm={} page-in connection to {} is up", endpoint.vm(), endpoint.host());
                    retryNs = FIRST_RETRY_NS;
                    reported = false;
                    receiveAll(s);
                } finally {
                    forget(); // before it is closed: a request on a closed socket would end the pager
                }
            } catch (IOException e) {
                if (e instanceof PeerException refusal && refusal.code() == ErrorCode.UNKNOWN_VM) {
                    failUnanswered();
                }
                if (!closed && !reported) {
                    log.warn("vm={} page-ins from {} wait: {}", endpoint.vm(), endpoint.host(), e.getMessage());
                    reported = true;
                }
            }
            if (!closed) {
                LockSupport.parkNanos(retryNs);
                retryNs = Math.min(retryNs * 2, LAST_RETRY_NS);
            }
        }
    }

    private synchronized void repeatUnanswered(FrameSocket s) throws IOException {
        if (closed) { // close() found no socket to shut down: nobody would end what is begun now
            throw new IOException("closed while it was connecting");
        }
        for (long i = head; i < tail; i++) {
            s.send(FrameType.PAGE_IN, pageOf[(int) (i & (RING - 1))], 1, 0);
        }
        socket = s;
    }

    /**
     * The peer answers and keeps nothing of the VM any more, as one that was booted anew. The requests stay: what it had may be brought back
     * to it.
     */
    private void failUnanswered() {
        long[] pages;
        synchronized (this) {
            long from = Math.max(head, failedTo);
            pages = new long[(int) (tail - from)];
            for (int i = 0; i < pages.length; i++) {
                pages[i] = pageOf[(int) (from + i & (RING - 1))];
            }
            failedTo = tail;
        }
        for (long page : pages) {
            sink.failed(page, endpoint.host() + " keeps nothing of the VM any more");
        }
    }

    private synchronized void forget() {
        socket = null;
        notifyAll();
    }

    private void receiveAll(FrameSocket s) throws IOException {
        while (s.receive()) {
            long page = oldest();
            switch (s.type()) {
                case PAGE_DATA -> receivePage(s, page);
                case PAGE_ABSENT -> {
                    checkAnswers(s, page);
                    answered();
                    sink.failed(page, endpoint.host() + " does not hold it");
                }
                default -> throw s.bad("no business on a page-in connection");
            }
        }
    }

    private void receivePage(FrameSocket s, long page) throws IOException {
        s.checkLength(Pages.SIZE, Pages.SIZE);
        checkAnswers(s, page);
        s.socket().receive(sink.address(page), Pages.SIZE);
        if (sink.arrived(page, s.value(), oldestAskedNs())) {
            answered();
        } else if (!askAgain()) {
            answered();
            sink.failed(page, endpoint.host() + " has sent it damaged " + TRIES + " times: its checksum is wrong");
        }
    }

    /** The oldest request becomes the newest. @return false if that was done often enough */
    private synchronized boolean askAgain() {
        int slot = (int) (head & (RING - 1));
        int tries = triesOf[slot];
        if (tries == TRIES) {
            return false;
        }
        if (tries == 1) {
            log.warn("vm={} page {} from {} was damaged on its way", endpoint.vm(), pageOf[slot], endpoint.host());
        }
        head++; // makes room for it
        ask(pageOf[slot], askedNsOf[slot], tries + 1);
        return true;
    }

    private void checkAnswers(FrameSocket s, long page) throws PeerException {
        if (page < 0 || s.rawPage() != page) {
            throw s.bad("page " + s.rawPage() + " where page " + page + " was the oldest request");
        }
    }

    private synchronized long oldest() {
        return head == tail ? -1 : pageOf[(int) (head & (RING - 1))];
    }

    private synchronized long oldestAskedNs() {
        return askedNsOf[(int) (head & (RING - 1))];
    }

    private synchronized void answered() {
        head++;
        notifyAll();
    }

    /** Ends the connection; unanswered requests are forgotten. Returns when the receiving thread has ended. */
    @Override
    public void close() {
        closed = true;
        synchronized (this) {
            if (socket != null) {
                socket.socket().shutdown();
            }
            notifyAll();
        }
        LockSupport.unpark(receiver);
        boolean interrupted = false;
        while (receiver.isAlive() && Thread.currentThread() != receiver) {
            try {
                receiver.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
