package org.splitmem.bridge.gate;

import java.io.ByteArrayOutputStream;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;

/** Reads a request's body as it comes, without a thread that waits for it. Its calls come one at a time. */
final class BodyReader implements Runnable {
    /** What becomes of a body; exactly one of these is called, once. */
    interface Receiver {
        void whole(byte[] body);

        void tooLarge();

        /** The client has left, or what it sends is not HTTP. */
        void broken(Throwable cause);
    }

    private final Request request;
    private final int most;
    private final Receiver receiver;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final AtomicBoolean over = new AtomicBoolean();

    BodyReader(Request request, int most, Receiver receiver) {
        this.request = request;
        this.most = most;
        this.receiver = receiver;
    }

    /** Nothing is called any more. @return false if something has been already */
    boolean giveUp() {
        return over.compareAndSet(false, true);
    }

    /** Reads what is there, and asks to be called again. */
    @Override
    public void run() {
        while (!over.get()) {
            Content.Chunk chunk = request.read();
            if (chunk == null) {
                request.demand(this);
                return;
            }
            if (Content.Chunk.isFailure(chunk)) {
                if (giveUp()) {
                    receiver.broken(chunk.getFailure());
                }
                return;
            }
            boolean fits = take(chunk);
            boolean last = chunk.isLast();
            chunk.release();
            if ((!fits || last) && giveUp()) {
                if (fits) {
                    receiver.whole(bytes.toByteArray());
                } else {
                    receiver.tooLarge();
                }
            }
        }
    }

    private boolean take(Content.Chunk chunk) {
        if (chunk.remaining() > most - bytes.size()) {
            return false;
        }
        byte[] copy = new byte[chunk.remaining()];
        chunk.getByteBuffer().get(copy);
        bytes.writeBytes(copy);
        return true;
    }
}
