package org.splitmem.systemtests;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/** Frames of docs/PROTOCOL.md, made by hand so that they can be wrong. */
final class Frames {
    static final int HELLO = 1, PAGE_IN = 4;
    private static final int HEADER_BYTES = 32, VERSION = 4, LENGTH = 20, CRC = 28;
    private static final int SHIM_BYTES = 256;

    private final ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    private final byte[] payload;

    private Frames(int type, byte[] content) {
        this.payload = content.length == 0 ? content : withChecksum(content);
        header.put("SPM1".getBytes(StandardCharsets.US_ASCII))
                .putShort((short) 1)
                .putShort((short) type);
        length(payload.length);
    }

    /** A right one, but for its type. */
    static Frames frame(int type, byte[] payload) {
        return new Frames(type, payload);
    }

    Frames version(int version) {
        header.putShort(VERSION, (short) version);
        return sum();
    }

    /** What the header claims of the payload. */
    Frames length(int bytes) {
        header.putInt(LENGTH, bytes);
        return sum();
    }

    Frames checksum(int wrong) {
        header.putInt(CRC, wrong);
        return this;
    }

    private Frames sum() {
        header.putInt(CRC, crc32c(header.array(), CRC));
        return this;
    }

    private static byte[] withChecksum(byte[] content) {
        return ByteBuffer.allocate(content.length + Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(content)
                .putInt(crc32c(content, content.length))
                .array();
    }

    private static int crc32c(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }

    byte[] bytes() {
        return ByteBuffer.allocate(HEADER_BYTES + payload.length)
                .put(header.array())
                .put(payload)
                .array();
    }

    /** The first message of a shim. */
    static byte[] shimHello(int role, String uuid) {
        ByteBuffer message = ByteBuffer.allocate(SHIM_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        message.put("SPSH".getBytes(StandardCharsets.US_ASCII))
                .putShort((short) 1)
                .putShort((short) HELLO)
                .putInt(1)
                .putInt(role);
        message.position(40).put(uuid.getBytes(StandardCharsets.UTF_8));
        return message.array();
    }
}
