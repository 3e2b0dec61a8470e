package org.splitmem.memory.remote;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.thread.Backoff;
import org.splitmem.memory.thread.Trouble;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;

/**
 * Page-ins from one peer: requests are pipelined and answered in order.
 *
 * <p>A lost connection is made again for as long as it takes, also one on which nothing is answered, and every unanswered request is sent
 * again: the faults of a peer that is away simply wait. A page that was damaged on its way is asked for again. Any thread may
 * {@link #request}, and none ever waits for the peer; pages arrive on the client's own thread.
 */
public final class PageInClient implements PageSource, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PageInClient.class);
    /** Requests on their way; further ones are sent as answers come. Those find room in the kernel, whatever the peer does. */
    static final int WINDOW = 1024;

    /** A page that is damaged so many times in a row is so where it comes from. */
    static final int TRIES = 8;

    /** A peer that has answered nothing for so long, although it was asked, is connected to anew. */
    private static final long ANSWER_MS = 30_000;

    private static final long SEND_MS = 1_000;
    private static final long FIRST_RETRY_NS = 20_000_000L;
    private static final long LAST_RETRY_NS = 1_000_000_000L;

    private final Endpoint endpoint;
    private final Link link;
    private final PageSink sink;
    private final long answerMs;
    private final Thread receiver;

    // Guarded by this.
    private final RequestQueue unanswered = new RequestQueue();
    /** Requests from this one on are still to be sent on the present connection. */
    private long unsent;
    /** Requests before this one were reported as failed. */
    private long failedTo;
    /** Since when the oldest request has been the peer's to answer. */
    private long waitingSinceNs;

    private @Nullable FrameSocket socket;

    // The receiver's.
    private final Backoff backoff = new Backoff(FIRST_RETRY_NS, LAST_RETRY_NS);
    private boolean reported;

    private final Trouble trouble = new Trouble(LAST_RETRY_NS * 3);
    private volatile boolean closed;

    public PageInClient(Endpoint endpoint, PageSink sink) {
        this(endpoint, sink, ANSWER_MS);
    }

    /** @param answerMs how long a peer may answer nothing */
    PageInClient(Endpoint endpoint, PageSink sink, long answerMs) {
        this.endpoint = endpoint;
        this.link = new Link(endpoint, Hello.Role.PAGE_IN);
        this.sink = sink;
        this.answerMs = answerMs;
        this.receiver = new Thread(this::run, "page-in-" + endpoint.host());
        receiver.setDaemon(true);
    }

    public void start() {
        receiver.start();
    }

    /** Allocates nothing unless very many requests are unanswered. */
    @Override
    public synchronized void request(long page, long nowNs) {
        ask(page, nowNs, 1);
    }

    private void ask(long page, long nowNs, int tries) {
        if (unanswered.size() == 0) {
            waitingSinceNs = System.nanoTime();
        }
        unanswered.add(page, nowNs, tries);
        sendMore();
    }

    /** As many as may be on their way. */
    private void sendMore() {
        FrameSocket s = socket;
        try {
            while (s != null && unsent < unanswered.tail() && unsent - unanswered.head() < WINDOW) {
                s.send(FrameType.PAGE_IN, unanswered.page(unsent), 1, 0);
                unsent++;
            }
        } catch (IOException e) {
            s.socket().shutdown(); // the receiver notices, connects again and repeats the request
        }
    }

    @Override
    public synchronized boolean hasRoomToSpare() {
        return unanswered.size() < WINDOW / 2;
    }

    /** Requests that are not answered yet. */
    public synchronized long unanswered() {
        return unanswered.size();
    }

    public synchronized boolean isConnected() {
        return socket != null;
    }

    private void run() {
        while (!closed) {
            try (FrameSocket s = link.connect()) {
                try {
                    s.socket().setTimeouts(answerMs, SEND_MS);
                    repeatUnanswered(s);
                    log.info("vm={} page-in connection to {} is up", endpoint.vm(), endpoint.host());
                    receiveAll(s);
                } finally {
                    forget(); // what is asked for from now on is for the next one
                }
            } catch (IOException | RuntimeException e) { // a fault in what handles a page must not end all page-ins
                if (e instanceof PeerException refusal && refusal.code() == ErrorCode.UNKNOWN_VM) {
                    failUnanswered();
                }
                if (!closed && !reported) {
                    log.warn("vm={} page-ins from {} wait: {}", endpoint.vm(), endpoint.host(), e.toString());
                    reported = true;
                }
            }
            if (!closed) {
                LockSupport.parkNanos(backoff.failed());
            }
        }
    }

    private synchronized void repeatUnanswered(FrameSocket s) {
        unsent = unanswered.head();
        waitingSinceNs = System.nanoTime();
        socket = s;
        sendMore();
    }

    /**
     * The peer answers and keeps nothing of the VM any more, as one that was booted anew. The requests stay: what it had may be brought back
     * to it.
     */
    private void failUnanswered() {
        long[] pages;
        synchronized (this) {
            long from = Math.max(unanswered.head(), failedTo);
            pages = new long[(int) (unanswered.tail() - from)];
            for (int i = 0; i < pages.length; i++) {
                pages[i] = unanswered.page(from + i);
            }
            failedTo = unanswered.tail();
        }
        for (long page : pages) {
            sink.failed(page, endpoint.host() + " keeps nothing of the VM any more");
        }
    }

    private synchronized void forget() {
        socket = null;
    }

    private void receiveAll(FrameSocket s) throws IOException {
        while (receive(s)) {
            long page = oldest();
            switch (s.type()) {
                case PAGE_DATA -> receivePage(s, page);
                case PAGE_ELSEWHERE -> {
                    checkAnswers(s, page);
                    if (!sink.isElsewhere(page, s.value(), oldestAskedNs())) {
                        throw s.bad("page " + page + " on memory server " + s.value());
                    }
                    answered();
                }
                case PAGE_ABSENT -> {
                    checkAnswers(s, page);
                    answered();
                    sink.failed(page, endpoint.host() + " does not hold it");
                }
                default -> throw s.bad("no business on a page-in connection");
            }
            backoff.succeeded();
            reported = false;
        }
    }

    private boolean receive(FrameSocket s) throws IOException {
        while (true) {
            try {
                return s.receive();
            } catch (SocketTimeoutException e) {
                if (isOverdue()) {
                    throw e;
                } // else nothing was asked, or only just now
            }
        }
    }

    private synchronized boolean isOverdue() {
        return unanswered.size() > 0 && System.nanoTime() - waitingSinceNs >= answerMs * 1_000_000;
    }

    private void receivePage(FrameSocket s, long page) throws IOException {
        s.checkLength(Pages.SIZE, Pages.SIZE);
        checkAnswers(s, page);
        s.socket().receive(sink.address(page), Pages.SIZE);
        if (arrived(page, s.value())) {
            answered();
        } else if (!askAgain()) {
            answered();
            sink.failed(page, endpoint.host() + " has sent it damaged " + TRIES + " times: its checksum is wrong");
        }
    }

    /** If there is no room for it here, it is asked for again on the next connection. */
    private boolean arrived(long page, int checksum) throws IOException {
        try {
            return sink.arrived(page, checksum, oldestAskedNs());
        } catch (IOException e) {
            String what = "page " + page + " finds no room in memory.directory: " + e.getMessage();
            trouble.isNews("VM " + endpoint.vm() + ": " + what);
            throw new IOException(what, e);
        }
    }

    /** What fails on this host at present; null if nothing does. Any thread. */
    public @Nullable String trouble() {
        return trouble.now();
    }

    /** The oldest request becomes the newest. @return false if that was done often enough */
    private synchronized boolean askAgain() {
        long oldest = unanswered.head();
        int tries = unanswered.tries(oldest);
        if (tries == TRIES) {
            return false;
        }
        if (tries == 1) {
            log.warn(
                    "vm={} page {} from {} was damaged on its way",
                    endpoint.vm(),
                    unanswered.page(oldest),
                    endpoint.host());
        }
        unanswered.add(unanswered.page(oldest), unanswered.askedNs(oldest), tries + 1);
        answered();
        return true;
    }

    private void checkAnswers(FrameSocket s, long page) throws PeerException {
        if (page < 0 || s.rawPage() != page) {
            throw s.bad("page " + s.rawPage() + " where page " + page + " was the oldest request");
        }
    }

    private synchronized long oldest() {
        return unanswered.size() == 0 ? -1 : unanswered.page(unanswered.head());
    }

    private synchronized long oldestAskedNs() {
        return unanswered.askedNs(unanswered.head());
    }

    private synchronized void answered() {
        unanswered.removeOldest();
        waitingSinceNs = System.nanoTime();
        sendMore();
    }

    /** Ends the connection; unanswered requests are forgotten. Returns when the receiving thread has ended. */
    @Override
    public void close() {
        closed = true;
        link.end();
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
