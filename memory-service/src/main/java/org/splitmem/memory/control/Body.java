package org.splitmem.memory.control;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.splitmem.model.RefusalCode;

/** Reads a request's body as it comes: a peer that is slow, or hangs, keeps no thread waiting. Its calls come one at a time. */
final class Body implements Runnable {
    /** Largest body: a domain XML of 1 MiB. */
    private static final int MOST = 1 << 20;

    private final Request request;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final CompletableFuture<byte[]> whole = new CompletableFuture<>();

    private Body(Request request) {
        this.request = request;
    }

    /**
     * The body, once it is whole.
     *
     * @param limitMs for all of it, however steadily its bytes come
     * @return fails with ApiException if it is too large, and else with IOException
     */
    static CompletableFuture<byte[]> of(Request request, long limitMs) {
        Body body = new Body(request);
        body.run();
        return body.whole.orTimeout(limitMs, TimeUnit.MILLISECONDS).exceptionally(failure -> {
            throw new CompletionException(
                    failure instanceof TimeoutException
                            ? new IOException("the request's body did not come within " + limitMs + " ms")
                            : failure);
        });
    }

    /** Reads what is there, and asks to be called again. */
    @Override
    public void run() {
        while (!whole.isDone()) {
            Content.Chunk chunk = request.read();
            if (chunk == null) {
                request.demand(this);
                return;
            }
            if (Content.Chunk.isFailure(chunk)) {
                whole.completeExceptionally(chunk.getFailure());
                return;
            }
            if (chunk.remaining() > MOST - bytes.size()) {
                chunk.release();
                whole.completeExceptionally(new ApiException(
                        RefusalCode.BODY_TOO_LARGE, "the request's body is larger than " + MOST + " B"));
                return;
            }
            byte[] copy = new byte[chunk.remaining()];
            chunk.getByteBuffer().get(copy);
            bytes.writeBytes(copy);
            boolean last = chunk.isLast();
            chunk.release();
            if (last) {
                whole.complete(bytes.toByteArray());
            }
        }
    }
}
