package org.splitmem.memory.remote;

import java.io.IOException;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;

/** Makes an owner known to a memory server on which it has no pages yet. Stateless. */
public final class Adoption {
    private static final long ANSWER_MS = 10_000;

    private Adoption() {}

    /** From now on that server obeys the endpoint's epoch alone. @throws IOException if it does not say so in time */
    public static void adopt(Endpoint endpoint) throws IOException {
        try (FrameSocket socket = endpoint.connect(Hello.Role.PAGE_OUT)) {
            socket.socket().setTimeouts(ANSWER_MS, ANSWER_MS);
            socket.send(FrameType.ADOPT, endpoint.epoch(), 0, 0);
            socket.send(FrameType.FLUSH, 0, 0, 1);
            if (!socket.receive() || socket.type() != FrameType.FLUSHED || socket.value() != 1) {
                throw socket.bad("no FLUSHED 1");
            }
        }
    }
}
