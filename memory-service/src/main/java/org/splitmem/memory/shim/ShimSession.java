package org.splitmem.memory.shim;

import java.io.IOException;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.Errno;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.StreamSocket;

/** Requests to the shim of one QEMU, one at a time. Any thread; each call waits for the answer. */
public final class ShimSession {
    /** Most ranges in one zap. */
    public static final int MAX_RANGES = 1024;

    private static final int RANGE_BYTES = 16;
    /** In one request: a zap of that much takes well under a second, far less than an answer may take. */
    private static final long MAX_ZAP_BYTES = 4L << 30;

    private final UUID vm;
    private final StreamSocket socket;
    private final List<Integer> backends;
    private final ShimMessage message = new ShimMessage();
    private final NativeBlock ranges = new NativeBlock(MAX_RANGES * RANGE_BYTES);
    private int count;
    private long bytes;
    private int sequence;
    private boolean disconnected;
    private final boolean knowsDiscards;
    private @Nullable DiscardRule discards;

    /**
     * @param backends that the shim has announced on this connection
     * @param knowsDiscards whether it can be told what becomes of discards; an older one refuses them all
     */
    ShimSession(UUID vm, StreamSocket socket, List<Integer> backends, boolean knowsDiscards) {
        this.knowsDiscards = knowsDiscards;
        this.vm = vm;
        this.socket = socket;
        this.backends = List.copyOf(backends);
    }

    public UUID vm() {
        return vm;
    }

    /** Collects ranges of one backend; bytes from its start. Fills {@link #zap}'s next request. */
    public synchronized void zap(int backend, Ranges source) throws IOException {
        while (true) {
            count = 0;
            bytes = 0;
            boolean more = source.fill(this::add);
            if (count > 0) {
                request(ShimMessage.ZAP, backend, 0, count, 0, (long) count * RANGE_BYTES);
            }
            if (!more) {
                return;
            }
        }
    }

    /** Gives the ranges of a zap, at most {@value #MAX_RANGES} a call. */
    public interface Ranges {
        /** @return true if there are more */
        boolean fill(RangeConsumer consumer);
    }

    /** Takes one range, in bytes from the start of the backend. */
    public interface RangeConsumer {
        /** @return false if the request is full: the range was not taken */
        boolean add(long offset, long length);
    }

    private boolean add(long offset, long length) {
        if (count == MAX_RANGES || (count > 0 && bytes + length > MAX_ZAP_BYTES)) {
            return false;
        }
        bytes += length;
        ranges.putLong(count * RANGE_BYTES, offset).putLong(count * RANGE_BYTES + 8, length);
        count++;
        return true;
    }

    /** Changes what the userfaultfd of a whole backend watches for; 0: nothing, the kernel serves it alone. */
    public synchronized void setModes(int backend, int modes) throws IOException {
        request(ShimMessage.MODES, backend, modes, 0, 0, 0);
    }

    /**
     * Says what becomes of memory that QEMU discards, unless this was said last. When this returns, nothing is under way any more
     * that another rule allowed.
     */
    public synchronized void setDiscards(DiscardRule rule) throws IOException {
        if (!knowsDiscards || rule == discards) {
            return;
        }
        discards = null;
        request(ShimMessage.DISCARDS, rule.code(), 0, 0, 0, 0);
        discards = rule;
    }

    /**
     * Nothing of what an earlier daemon asked for stays. Of announced backends only: one that QEMU maps just now may not be
     * known to the shim yet, and nobody has asked anything of it.
     */
    public void reset() throws IOException {
        for (int backend : backends) {
            setModes(backend, 0);
        }
        setDiscards(DiscardRule.KERNEL);
        holdExit(false);
    }

    /** While held, QEMU's exit waits (bounded by the shim's own limit) until it is released. */
    public synchronized void holdExit(boolean hold) throws IOException {
        request(ShimMessage.HOLD, hold ? 1 : 0, 0, 0, 0, 0);
    }

    private void request(int type, int arg, long a, long b, long c, long payloadBytes) throws IOException {
        if (disconnected) {
            throw new IOException("the shim of VM " + vm + " is not connected any more");
        }
        int expected = ++sequence;
        try {
            message.set(type, expected, arg, a, b, c).send(socket, null);
            if (payloadBytes > 0) {
                socket.send(ranges.address(), payloadBytes, false);
            }
            ShimConversation.expectNone(message.receive(socket));
        } catch (IOException e) {
            socket.shutdown();
            throw new IOException("the shim of VM " + vm + " does not answer: " + e.getMessage(), e);
        }
        if (message.type() != ShimMessage.DONE || message.seq() != expected) {
            socket.shutdown();
            throw new IOException("the shim of VM " + vm + " answered request " + expected + " with type "
                    + message.type() + ", number " + message.seq());
        }
        if (message.arg() != 0) {
            throw new IOException(
                    "the shim of VM " + vm + " refused request type " + type + ": " + Errno.describe(message.arg()));
        }
    }

    /** Ends the connection, and a request that waits; the shim connects again. Later requests fail. */
    public void disconnect() {
        socket.shutdown();
        synchronized (this) {
            disconnected = true;
            socket.close();
        }
    }
}
