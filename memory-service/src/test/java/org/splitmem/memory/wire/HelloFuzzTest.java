package org.splitmem.memory.wire;

import static org.splitmem.memory.testing.Property.areEqual;
import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.splitmem.memory.testing.HeapUse;

/** A HELLO is refused with a PeerException, or has all that it needs and is the same when it is read again. */
class HelloFuzzTest {
    private static final long MOST_HEAP = 1 << 20;

    @FuzzTest
    void aHelloIsRefusedOrComplete(byte[] payload) throws Exception {
        HeapUse.isAtMost(MOST_HEAP, () -> check(payload));
    }

    private static void check(byte[] payload) throws PeerException {
        Hello hello;
        try {
            hello = SmallJson.hello(payload);
        } catch (PeerException e) {
            areEqual(e.code(), ErrorCode.BAD_FRAME);
            return;
        }
        holds(hello.role() != null && hello.vm() != null && hello.token() != null, "all fields are there");
        areEqual(SmallJson.hello(SmallJson.encode(hello)), hello);
    }
}
