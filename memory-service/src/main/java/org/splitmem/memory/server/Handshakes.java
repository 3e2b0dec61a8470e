package org.splitmem.memory.server;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;

/**
 * Connections that have not shown yet what they want: so many of one address, and each for so long, however slowly its bytes come. A host
 * that opens thousands of them keeps no other one out. Any thread.
 */
final class Handshakes implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Handshakes.class);
    static final int MOST_OF_ADDRESS = 256;

    private final long limitMs;
    private final ScheduledThreadPoolExecutor clock;
    private final Map<String, Integer> byAddress = new HashMap<>(); // guarded by itself

    /** One of them, until it is through. */
    final class Handshake implements AutoCloseable {
        private final String address;
        private final Future<?> end;

        private Handshake(String address, FrameSocket socket) {
            this.address = address;
            this.end = clock.schedule(() -> end(socket), limitMs, TimeUnit.MILLISECONDS);
        }

        @Override
        public void close() {
            end.cancel(false);
            synchronized (byAddress) {
                byAddress.computeIfPresent(address, (of, number) -> number == 1 ? null : number - 1);
            }
        }
    }

    /** @param limitMs for the whole of each */
    Handshakes(long limitMs) {
        this.limitMs = limitMs;
        this.clock = new ScheduledThreadPoolExecutor(1, task -> {
            Thread thread = new Thread(task, "data-handshakes");
            thread.setDaemon(true);
            return thread;
        });
        clock.setRemoveOnCancelPolicy(true);
    }

    /** @return null if its address has too many */
    @Nullable
    Handshake begin(FrameSocket socket) {
        String address = addressOf(socket);
        synchronized (byAddress) {
            int now = byAddress.getOrDefault(address, 0);
            if (now == MOST_OF_ADDRESS) {
                return null;
            }
            byAddress.put(address, now + 1);
        }
        return new Handshake(address, socket);
    }

    /** Its thread receives meanwhile; what little is sent here finds room in the kernel. */
    private void end(FrameSocket socket) {
        try {
            socket.sendError(ErrorCode.BAD_FRAME, "no whole HELLO came within " + limitMs + " ms");
        } catch (IOException e) {
            log.debug("{} is not told that it was too slow: {}", socket.peer(), e.getMessage());
        }
        socket.socket().shutdown();
    }

    private static String addressOf(FrameSocket socket) {
        String peer = socket.peer();
        return peer.substring(0, Math.max(0, peer.lastIndexOf(':')));
    }

    @Override
    public void close() {
        clock.shutdownNow();
    }
}
