package org.splitmem.memory.control;

import static org.splitmem.memory.testing.Property.areEqual;
import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.splitmem.memory.testing.HeapUse;
import org.splitmem.model.BudgetRequest;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.PeerList;
import org.splitmem.model.SplitRequest;

/**
 * Bodies of requests to the control API, in whatever pieces they come: they arrive as they were sent, and are answered with 400, or are a
 * request that is the same when it is written and read again. The first byte of an input says which request, the second the pieces' length.
 */
class RequestsFuzzTest {
    private static final long MOST_HEAP = 1 << 20;

    @FuzzTest
    void aBodyIsRefusedOrIsARequest(byte[] input) throws Exception {
        if (input.length >= 2) {
            byte[] sent = Arrays.copyOfRange(input, 2, input.length);
            HeapUse.isAtMost(MOST_HEAP, () -> Target.check(sent, 1 + (input[1] & 0xff), Target.kind(input[0])));
        }
    }

    /** Loaded after Jazzer, see HACKING.md. */
    private static final class Target {
        private static final String OURS = "org.splitmem";
        private static final List<Class<? extends Record>> KINDS = List.of(
                MigrationRequest.class, SplitRequest.class, BudgetRequest.class, FenceRequest.class, PeerList.class);

        private static Class<? extends Record> kind(byte code) {
            return KINDS.get((code & 0xff) % KINDS.size());
        }

        private static void check(byte[] sent, int piece, Class<? extends Record> kind) throws Exception {
            CompletableFuture<byte[]> body = Body.of(new Pieces(sent, piece).request(), 60_000);
            holds(body.isDone(), "the body is whole");
            holds(Arrays.equals(body.get(), sent), "the body is what was sent");
            Record request;
            try {
                request = JsonBodies.read(sent, kind);
            } catch (ApiException e) {
                areEqual(e.refusal().status(), 400);
                boolean named = new String(sent, StandardCharsets.UTF_8).contains(OURS);
                holds(named || !String.valueOf(e.getMessage()).contains(OURS), "the answer names no class of ours");
                return;
            }
            byte[] again = Json.write(request).getBytes(StandardCharsets.UTF_8);
            areEqual(Json.read(again, kind), request);
        }
    }

    /** A request whose body comes in pieces, and every other time not at once. */
    private static final class Pieces {
        private final ByteBuffer rest;
        private final int piece;
        private boolean late;

        Pieces(byte[] sent, int piece) {
            this.rest = ByteBuffer.wrap(sent);
            this.piece = piece;
        }

        Request request() {
            return (Request) Proxy.newProxyInstance(
                    Request.class.getClassLoader(),
                    new Class<?>[] {Request.class},
                    (proxy, method, arguments) -> switch (method.getName()) {
                        case "read" -> read();
                        case "demand" -> {
                            ((Runnable) arguments[0]).run();
                            yield null;
                        }
                        default -> throw new UnsupportedOperationException(method.getName());
                    });
        }

        private Content.Chunk read() {
            late = !late;
            if (late) {
                return null;
            }
            int length = Math.min(piece, rest.remaining());
            ByteBuffer bytes = rest.slice(rest.position(), length);
            rest.position(rest.position() + length);
            return Content.Chunk.from(bytes, !rest.hasRemaining());
        }
    }
}
