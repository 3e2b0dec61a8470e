package org.splitmem.memory.stream;

import java.io.IOException;
import java.net.SocketTimeoutException;
import org.splitmem.memory.guest.CutShortException;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RunList;

/** One stream of pages to one peer. Confined to one thread, but for {@link #abort}. */
public final class BulkSender implements AutoCloseable {
    /** A peer that takes nothing for this long has failed. */
    private static final long STALLED_MS = 20_000;

    private final FrameSocket socket;
    private final PagesFrame frame;
    private final RateLimiter limiter;
    private final Flushes flushes;
    private long unflushedPages;

    /** @param socket connected and shaken hands; becomes this object's */
    public BulkSender(FrameSocket socket, GuestMemory memory, RateLimiter limiter) throws IOException {
        this(socket, memory, limiter, STALLED_MS);
    }

    BulkSender(FrameSocket socket, GuestMemory memory, RateLimiter limiter, long stalledMs) throws IOException {
        this.socket = socket;
        this.frame = new PagesFrame(memory, PagesFrame.OF_STREAM);
        this.flushes = new Flushes(memory.pages());
        this.limiter = limiter;
        socket.socket().setTimeouts(stalledMs, stalledMs);
    }

    public String peer() {
        return socket.peer();
    }

    /**
     * Sends the pages of the runs; they may still be on their way when this returns, see {@link #flush}.
     *
     * @param choice which of them
     * @param again told pages of earlier frames that have not arrived whole
     * @throws CutShortException if QEMU has cut its file short
     */
    public void send(RunList runs, PagesFrame.Choice choice, Flushes.Damaged again) throws IOException {
        if (unflushedPages + runs.pages() > ReceivedPages.MOST_UNFLUSHED) {
            flush(again);
        }
        frame.begin(runs);
        while (frame.read(choice)) {
            unflushedPages += frame.pages();
            limiter.acquire(Pages.toBytes(frame.pages()));
            try {
                frame.send(socket);
            } catch (IOException e) {
                throw told(e);
            }
        }
    }

    /** Tells the peer that its copies of the pages are void. In order with {@link #send}. */
    public void drop(RunList runs) throws IOException {
        try {
            runs.sendAs(FrameType.DROP, socket, 0, 0);
        } catch (IOException e) {
            throw told(e);
        }
    }

    /** Returns when the peer has stored everything sent before, but for the pages that are told. */
    public void flush(Flushes.Damaged again) throws IOException {
        unflushedPages = 0;
        try {
            flushes.flush(socket, again);
        } catch (PeerException e) {
            throw e;
        } catch (IOException e) {
            throw told(e);
        }
    }

    /** A peer that refuses says why before it closes: that says more than our broken pipe. */
    private IOException told(IOException broken) {
        if (broken instanceof SocketTimeoutException) { // it hangs: nothing is to be heard from it either
            return broken;
        }
        try {
            if (socket.receive()) {
                return broken;
            }
        } catch (PeerException refusal) {
            return refusal;
        } catch (IOException e) {
            broken.addSuppressed(e);
        }
        return broken;
    }

    /** Ends whatever the sending thread waits for. Any thread. */
    public void abort() {
        socket.socket().shutdown();
    }

    @Override
    public void close() {
        socket.close();
    }
}
