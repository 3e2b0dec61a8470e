package org.splitmem.memory.shim;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.FdPassing;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.StreamSocket;

/**
 * One message of the shim's protocol, see shim_protocol.h.
 *
 * <pre>
 *  offset size field     meaning                             (little-endian; 256 bytes)
 *       0    4 magic     "SPSH"
 *       4    2 version   1
 *       6    2 type      see the constants
 *       8    4 seq       chosen by who asks, repeated in the answer
 *      12    4 arg
 *      16    8 a
 *      24    8 b
 *      32    8 c
 *      40  216 text      UTF-8, padded with NUL
 * </pre>
 *
 * Confined to one thread; reused.
 */
final class ShimMessage {
    static final int HELLO = 1, WELCOME = 2, ERROR = 3, OPEN = 4, OPENED = 5, MAPPED = 6, MAPPED_OK = 7;
    static final int ZAP = 8, DONE = 9, MODES = 10, HOLD = 12, DISCARDS = 13;
    static final int DISCARD = 14, CLAIMED = 15, DISCARDED = 16;
    static final int SIZE = 256;
    static final int TEXT_BYTES = 216;

    private static final int MAGIC = 0x48535053;
    private static final int VERSION = 1;
    private static final int TYPE = 6, SEQ = 8, ARG = 12, A = 16, B = 24, C = 32, TEXT = 40;

    private final NativeBlock block = new NativeBlock(SIZE);

    ShimMessage set(int type, int seq, int arg, long a, long b, long c) {
        block.putInt(0, MAGIC)
                .putShort(4, VERSION)
                .putShort(TYPE, type)
                .putInt(SEQ, seq)
                .putInt(ARG, arg);
        block.putLong(A, a).putLong(B, b).putLong(C, c);
        text("");
        return this;
    }

    /** As much of it as there is room for, in whole characters. */
    ShimMessage text(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(utf8.length, TEXT_BYTES - 1);
        while (length > 0 && length < utf8.length && isInCharacter(utf8[length])) {
            length--;
        }
        for (int i = 0; i < TEXT_BYTES; i++) {
            raw(TEXT + i, i < length ? utf8[i] : 0);
        }
        return this;
    }

    /** Not the first byte of one. */
    private static boolean isInCharacter(byte utf8) {
        return (utf8 & 0xc0) == 0x80;
    }

    /** For a test: its bytes, whatever they are. */
    void rawText(byte[] text) {
        for (int i = 0; i < TEXT_BYTES; i++) {
            raw(TEXT + i, i < text.length ? text[i] : 0);
        }
    }

    /** For a test. */
    void raw(int offset, byte value) {
        block.buffer().put(offset, value);
    }

    void send(StreamSocket socket, @Nullable Fd passed) throws IOException {
        FdPassing.send(socket, block, passed);
    }

    /** Receives a message and what came with it. @throws IOException if it is not of this protocol */
    @Nullable
    Fd receive(StreamSocket socket) throws IOException {
        Fd passed = FdPassing.receive(socket, block);
        boolean known = block.getInt(0) == MAGIC && block.getShort(4) == VERSION;
        if (!known) {
            if (passed != null) {
                passed.close();
            }
            throw new IOException("a message that is not of version " + VERSION + " of the shim's protocol");
        }
        return passed;
    }

    int type() {
        return block.getShort(TYPE);
    }

    int seq() {
        return block.getInt(SEQ);
    }

    int arg() {
        return block.getInt(ARG);
    }

    long a() {
        return block.getLong(A);
    }

    long b() {
        return block.getLong(B);
    }

    long c() {
        return block.getLong(C);
    }

    String text() {
        byte[] utf8 = new byte[TEXT_BYTES];
        block.buffer().get(TEXT, utf8);
        int length = 0;
        while (length < TEXT_BYTES && utf8[length] != 0) {
            length++;
        }
        return new String(utf8, 0, length, StandardCharsets.UTF_8);
    }
}
