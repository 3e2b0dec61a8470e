package org.splitmem.memory.shim;

import java.io.IOException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.StreamSocket;

/** The connection on which one QEMU asks what it may free. Served by one thread; any may {@link #end} it. */
public final class DiscardConnection {
    /** Of one request. */
    public static final int MAX_PAGES = 512;

    private static final int RANGE_BYTES = 16;

    private final StreamSocket socket;
    private final ShimMessage message = new ShimMessage();
    private final NativeBlock ranges = new NativeBlock(MAX_PAGES * RANGE_BYTES);
    private int count;

    DiscardConnection(StreamSocket socket) {
        this.socket = socket;
    }

    /** Until the shim closes it. Waits without a limit, as QEMU gives back when it comes to it. */
    void serve(DiscardHandler handler) throws IOException {
        while (true) {
            receive(ShimMessage.DISCARD);
            handler.hold(() -> answer(handler));
        }
    }

    private void answer(DiscardHandler handler) throws IOException {
        int number = message.seq();
        count = 0;
        int pages = handler.claim(message.arg(), message.a(), message.b(), this::add);
        if (pages == 0) {
            message.set(ShimMessage.CLAIMED, number, 0, 0, 0, 0).send(socket, null);
        } else {
            exchange(handler, number, pages);
        }
    }

    private boolean add(long offset, long length) {
        ranges.putLong(count * RANGE_BYTES, offset).putLong(count * RANGE_BYTES + 8, length);
        count++;
        return true;
    }

    private void exchange(DiscardHandler handler, int number, int pages) throws IOException {
        boolean confirmed = false;
        try {
            message.set(ShimMessage.CLAIMED, number, 0, pages, count, 0).send(socket, null);
            if (count > 0) {
                socket.send(ranges.address(), (long) count * RANGE_BYTES, false);
            }
            receive(ShimMessage.DISCARDED);
            confirmed = message.arg() == 0;
        } finally {
            handler.settle(confirmed);
        }
        message.set(ShimMessage.DONE, message.seq(), 0, 0, 0, 0).send(socket, null);
    }

    private void receive(int type) throws IOException {
        ShimConversation.expect(message, message.receive(socket), type);
    }

    /** Ends it, and what waits for the shim. */
    public void end() {
        socket.shutdown();
    }
}
