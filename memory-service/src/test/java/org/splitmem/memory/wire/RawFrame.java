package org.splitmem.memory.wire;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.StreamSocket;

/** A frame with any field wrong that a test wants; good unless it says so. */
public final class RawFrame {
    private final ByteBuffer header = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
    private byte[] payload = new byte[0];
    private boolean goodChecksum = true;

    private RawFrame() {}

    public static RawFrame of(FrameType type) {
        RawFrame frame = new RawFrame();
        frame.header.putInt(0, 0x314D5053).putShort(4, (short) 1).putShort(6, (short) type.number());
        return frame;
    }

    public RawFrame magic(int value) {
        header.putInt(0, value);
        return this;
    }

    public RawFrame version(int value) {
        header.putShort(4, (short) value);
        return this;
    }

    public RawFrame type(int value) {
        header.putShort(6, (short) value);
        return this;
    }

    public RawFrame page(long value) {
        header.putLong(8, value);
        return this;
    }

    public RawFrame count(int value) {
        header.putInt(16, value);
        return this;
    }

    public RawFrame length(int value) {
        header.putInt(20, value);
        return this;
    }

    public RawFrame value(int value) {
        header.putInt(24, value);
        return this;
    }

    /** Sets the length too. */
    public RawFrame payload(byte[] bytes) {
        payload = bytes;
        return length(bytes.length);
    }

    /** With its checksum behind it. Sets the length too. */
    public RawFrame sealed(byte[] bytes) {
        return payload(withChecksum(bytes));
    }

    private static byte[] withChecksum(byte[] bytes) {
        return ByteBuffer.allocate(bytes.length + 4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(bytes)
                .putInt(crc32c(bytes))
                .array();
    }

    private static int crc32c(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }

    /** Runs of {first, count} pages as a RunList carries them; sets count and length too. */
    public RawFrame runs(long[]... runs) {
        return sealed(list(runs)).count(runs.length);
    }

    private static byte[] list(long[]... runs) {
        ByteBuffer bytes = ByteBuffer.allocate(runs.length * 8).order(ByteOrder.LITTLE_ENDIAN);
        for (long[] run : runs) {
            bytes.putInt((int) run[0]).putInt((int) run[1]);
        }
        return bytes.array();
    }

    /** Runs as {@link #runs}, and after them their pages, all zero, with their checksums. */
    public RawFrame zeroPages(long[]... runs) {
        byte[] list = withChecksum(list(runs));
        int pages = (int) Arrays.stream(runs).mapToLong(run -> run[1]).sum();
        ByteBuffer bytes = ByteBuffer.allocate(list.length + pages * (4 + 4096)).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put(list);
        for (long[] run : runs) {
            for (long page = run[0]; page < run[0] + run[1]; page++) {
                bytes.putInt(crc32c(new byte[4096]) ^ (int) page);
            }
        }
        return payload(bytes.array()).count(runs.length);
    }

    public RawFrame wrongChecksum() {
        goodChecksum = false;
        return this;
    }

    public byte[] bytes() {
        CRC32C crc = new CRC32C();
        crc.update(header.array(), 0, 28);
        header.putInt(28, (int) crc.getValue() + (goodChecksum ? 0 : 1));
        byte[] all = new byte[32 + payload.length];
        System.arraycopy(header.array(), 0, all, 0, 32);
        System.arraycopy(payload, 0, all, 32, payload.length);
        return all;
    }

    public void send(StreamSocket socket) throws IOException {
        send(socket, bytes());
    }

    public static void send(StreamSocket socket, byte[] bytes) throws IOException {
        NativeBlock block = new NativeBlock(Math.max(1, bytes.length));
        block.buffer().duplicate().put(bytes);
        socket.send(block.address(), bytes.length, false);
    }
}
