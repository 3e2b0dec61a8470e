package org.splitmem.memory.remote;

import java.io.IOException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.stream.ReceivedPages;

/**
 * Takes what a {@link FetchClient} receives, on a thread of its own, while that receives and checks what comes next: writing pages to a file
 * takes longer than receiving them. What is given is taken in its order. All methods are for the thread that receives; none of those that
 * give allocates.
 */
final class TakerThread implements ReceivedPages.Taker, ReceivedPages.Reuse {
    /** Of 8 pages each: 512 KiB, which stay in the processor's cache. With half as many one thread waits for the other more often. */
    static final int MOST_PIECES = 16;

    static final int LEAST_PIECES = 2;

    /** More than all pieces have runs, with the ends of all answers that may be on their way. */
    private static final int ENTRIES = 256;

    private static final long NOTHING = Long.MAX_VALUE;

    private final FetchClient.Fetch what;
    private final Answered answered;
    private final Runnable failing;
    private final Thread thread;
    private final Thread receiver = Thread.currentThread();
    /** Pieces given before the thread is woken, and taken before the receiver is: waking costs as much as taking a page. */
    private final int batch;

    // Entries: pages, or with a count of 0 the end of an answer.
    private final long[] addresses = new long[ENTRIES];
    private final long[] pages = new long[ENTRIES];
    private final long[] counts = new long[ENTRIES];

    // The receiver's.
    /** Of each piece, the entries until it had been given. */
    private final long[] givenWith;

    private long next;
    private int unannounced;

    private volatile long given; // written by the receiver
    private volatile long taken; // written by the thread, as all below
    private volatile boolean waits;
    private volatile boolean ended;
    private @Nullable Throwable failure;

    private volatile long awaited = NOTHING; // written by the receiver
    private volatile boolean last;

    /** What the thread does at the end of an answer. */
    interface Answered {
        void run(int damaged) throws IOException;
    }

    /**
     * @param pieces that are received into in turn, at most {@link #MOST_PIECES}
     * @param failing called on the thread if it ends because something failed: the receiver is not to wait for its peer any more
     */
    TakerThread(FetchClient.Fetch what, int pieces, Answered answered, Runnable failing) {
        this.what = what;
        this.answered = answered;
        this.failing = failing;
        this.givenWith = new long[pieces];
        this.batch = pieces / 2;
        this.thread = new Thread(this::run, "take-" + receiver.getName());
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    // ---- the receiver's side

    @Override
    public void take(long address, long page, long count) {
        add(address, page, count);
    }

    @Override
    public void given(int piece) {
        givenWith[piece] = next;
        unannounced++;
        announce(unannounced >= batch);
    }

    /** An answer ends behind what was given. */
    void answered(int damaged) {
        add(0, damaged, 0);
        announce(true);
    }

    private void add(long address, long page, long count) {
        int at = (int) (next % ENTRIES);
        addresses[at] = address;
        pages[at] = page;
        counts[at] = count;
        next++;
    }

    private void announce(boolean wake) {
        given = next;
        if (wake) {
            unannounced = 0;
            if (waits) {
                LockSupport.unpark(thread);
            }
        }
    }

    @Override
    public void awaitTaken(int piece) throws IOException {
        if (taken < givenWith[piece]) {
            awaitTaken(givenWith[(piece + batch) % givenWith.length]);
        }
    }

    /** Returns once all that was given is taken. @throws IOException if it cannot be */
    void awaitAll() throws IOException {
        awaitTaken(next);
    }

    private void awaitTaken(long entries) throws IOException {
        awaited = entries;
        while (taken < entries && !ended) {
            LockSupport.park(this);
        }
        awaited = NOTHING;
        if (taken < entries) {
            throw new IOException("what has come could not be taken");
        }
    }

    /** Returns when the thread has ended, after it has taken all that was given, if it can. @return why it could not; null if it could */
    @Nullable
    Throwable finish() {
        last = true;
        LockSupport.unpark(thread);
        boolean isInterrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                isInterrupted = true;
            }
        }
        if (isInterrupted) {
            receiver.interrupt();
        }
        return failure;
    }

    // ---- the thread's side

    private void run() {
        boolean done = false;
        try {
            takeAll();
            done = true;
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
            failure = e;
        } finally {
            ended = true;
            if (!done) {
                failing.run();
            }
            LockSupport.unpark(receiver);
        }
    }

    private void takeAll() throws IOException {
        while (awaitGiven()) {
            long end = given;
            while (taken < end) {
                takeOne((int) (taken % ENTRIES));
            }
        }
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // this thread alone writes it
    private void takeOne(int at) throws IOException {
        if (counts[at] > 0) {
            what.take(addresses[at], pages[at], counts[at]);
        } else {
            answered.run((int) pages[at]);
        }
        taken++;
        if (taken >= awaited) {
            LockSupport.unpark(receiver);
        }
    }

    /** @return false if nothing more comes */
    private boolean awaitGiven() {
        waits = true;
        while (taken == given && !last) {
            LockSupport.park(this);
        }
        waits = false;
        return taken < given;
    }
}
