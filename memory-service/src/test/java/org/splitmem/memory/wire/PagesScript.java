package org.splitmem.memory.wire;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * Makes PAGES and FLUSH frames of a fuzzer's bytes, small ones although they hold whole pages. Each frame begins with a byte: 0 to 7 runs, bit
 * 3 for a FLUSH before it, bit 4 for a wrong length, bit 5 for a wrong checksum of the runs, bit 6 for a wrong count, bit 7 for wrong
 * checksums of pages. A run is 6 bytes: its first page, its number of pages, and a byte that the pages are full of.
 */
public final class PagesScript {
    private static final int FLUSH = 1 << 3, LENGTH = 1 << 4, RUNS = 1 << 5, COUNT = 1 << 6, PAGES = 1 << 7;
    private static final int RUN_BYTES = 6;
    private static final int PAGE = 4096;

    private PagesScript() {}

    /** @param most bytes; frames that do not fit are left out */
    public static byte[] bytes(byte[] script, int most) {
        var out = new ByteArrayOutputStream();
        ByteBuffer in = ByteBuffer.wrap(script).order(ByteOrder.LITTLE_ENDIAN);
        while (in.hasRemaining()) {
            int flags = in.get();
            int runs = Math.min(flags & 7, in.remaining() / RUN_BYTES);
            byte[] frame = frame(flags, in.slice().limit(runs * RUN_BYTES).order(ByteOrder.LITTLE_ENDIAN), runs, most);
            in.position(in.position() + runs * RUN_BYTES);
            if (out.size() + frame.length + 2 * FrameSocket.HEADER_BYTES > most) {
                break;
            }
            if ((flags & FLUSH) != 0) {
                out.writeBytes(RawFrame.of(FrameType.FLUSH).value(flags).bytes());
            }
            out.writeBytes(frame);
        }
        out.writeBytes(RawFrame.of(FrameType.FLUSH).value(1).bytes());
        return out.toByteArray();
    }

    private static byte[] frame(int flags, ByteBuffer in, int runs, int most) {
        ByteBuffer list = ByteBuffer.allocate(runs * 8 + 4).order(ByteOrder.LITTLE_ENDIAN);
        var sums = new ByteArrayOutputStream();
        var pages = new ByteArrayOutputStream();
        for (int run = 0; run < runs; run++) {
            int first = in.getShort();
            int count = in.getShort();
            byte[] page = new byte[PAGE];
            Arrays.fill(page, in.get());
            int damage = (flags & PAGES) == 0 ? 0 : in.get(in.position());
            in.get();
            list.putInt(first).putInt(count);
            for (int i = 0; i < count && pages.size() < most; i++) {
                int sum = crc32c(page, PAGE) ^ (first + i) ^ damage;
                sums.writeBytes(ByteBuffer.allocate(4)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(sum)
                        .array());
                pages.writeBytes(page);
            }
        }
        list.putInt(crc32c(list.array(), runs * 8) ^ ((flags & RUNS) == 0 ? 0 : 1));
        var payload = new ByteArrayOutputStream();
        if (runs > 0) {
            payload.writeBytes(list.array());
        }
        payload.writeBytes(sums.toByteArray());
        payload.writeBytes(pages.toByteArray());
        return RawFrame.of(FrameType.PAGES)
                .payload(payload.toByteArray())
                .length(payload.size() + ((flags & LENGTH) == 0 ? 0 : flags))
                .count(runs + ((flags & COUNT) == 0 ? 0 : flags))
                .bytes();
    }

    private static int crc32c(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }
}
