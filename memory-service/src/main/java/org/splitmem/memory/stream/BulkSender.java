package org.splitmem.memory.stream;

import java.io.IOException;
import java.net.SocketTimeoutException;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.IoVector;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RunList;

/** One stream of pages to one peer. Confined to one thread, but for {@link #abort}. */
public final class BulkSender implements AutoCloseable {
    /** Runs at least this long on average go by sendfile, which copies nothing; shorter ones by one gathering call. */
    private static final long SENDFILE_FROM_PAGES = 16;
    /** A peer that takes nothing for this long has failed. */
    private static final long STALLED_MS = 20_000;

    private final FrameSocket socket;
    private final GuestMemory memory;
    private final RateLimiter limiter;
    private final IoVector vector = new IoVector();
    private int sequence;

    /** @param socket connected and shaken hands; becomes this object's */
    public BulkSender(FrameSocket socket, GuestMemory memory, RateLimiter limiter) throws IOException {
        this(socket, memory, limiter, STALLED_MS);
    }

    BulkSender(FrameSocket socket, GuestMemory memory, RateLimiter limiter, long stalledMs) throws IOException {
        this.socket = socket;
        this.memory = memory;
        this.limiter = limiter;
        socket.socket().setTimeouts(stalledMs, stalledMs);
    }

    public String peer() {
        return socket.peer();
    }

    /** Sends the pages of the runs; they may still be on their way when this returns, see {@link #flush}. */
    public void send(RunList runs) throws IOException {
        long bytes = Pages.toBytes(runs.pages());
        limiter.acquire(bytes);
        try {
            if (runs.pages() >= runs.runs() * SENDFILE_FROM_PAGES) {
                sendFiles(runs, bytes);
            } else {
                gather(runs, bytes);
            }
        } catch (IOException e) {
            throw told(e);
        }
    }

    private void sendFiles(RunList runs, long bytes) throws IOException {
        socket.sendHeader(FrameType.PAGES, 0, runs.runs(), Math.toIntExact(runs.bytes() + bytes), 0, true);
        socket.socket().send(runs.address(), runs.bytes(), true);
        for (int run = 0; run < runs.runs(); run++) {
            sendFile(runs.first(run), runs.count(run));
        }
    }

    private void sendFile(long page, long count) throws IOException {
        long at = page;
        while (at < page + count) {
            long end = memory.endOfPart(at, page + count);
            socket.socket()
                    .sendFile(memory.file(memory.backendOf(at)).fd(), memory.offset(at), Pages.toBytes(end - at));
            at = end;
        }
    }

    private void gather(RunList runs, long bytes) throws IOException {
        vector.clear();
        long header = socket.header(FrameType.PAGES, 0, runs.runs(), Math.toIntExact(runs.bytes() + bytes), 0);
        vector.add(header, FrameSocket.HEADER_BYTES);
        vector.add(runs.address(), runs.bytes());
        for (int run = 0; run < runs.runs(); run++) {
            memory.addTo(vector, runs.first(run), runs.count(run));
        }
        socket.socket().sendAll(vector);
    }

    /** Tells the peer that its copies of the pages are void. In order with {@link #send}. */
    public void drop(RunList runs) throws IOException {
        try {
            runs.sendAs(FrameType.DROP, socket, 0, 0);
        } catch (IOException e) {
            throw told(e);
        }
    }

    /** Returns when the peer has stored everything sent before. */
    public void flush() throws IOException {
        int expected = ++sequence;
        try {
            socket.send(FrameType.FLUSH, 0, 0, expected);
        } catch (IOException e) {
            throw told(e);
        }
        if (!socket.receive()) {
            throw new PeerException(ErrorCode.INTERNAL, peer() + " closed the stream");
        }
        if (socket.type() != FrameType.FLUSHED || socket.value() != expected) {
            throw socket.bad("no FLUSHED " + expected);
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
