package org.splitmem.memory.wire;

import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.splitmem.memory.linux.SocketPair;

/** What goes in at one end of a connection, and comes out at the other. */
abstract class FramesTest {
    SocketPair pair;
    FrameSocket sender;
    FrameSocket receiver;

    @BeforeEach
    void connect() throws IOException {
        pair = SocketPair.open();
        sender = new FrameSocket(pair.near());
        receiver = new FrameSocket(pair.far());
    }

    @AfterEach
    void close() {
        pair.close();
    }
}
