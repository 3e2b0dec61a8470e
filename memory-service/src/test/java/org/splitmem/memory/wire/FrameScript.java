package org.splitmem.memory.wire;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * Makes frames of a fuzzer's bytes, which would never guess a checksum. For each frame a byte of flags, a header of 32 bytes, and as much
 * payload as the header says, or as there is. The flags say what is <em>not</em> made right: 1 magic and version, 2 the header's checksum,
 * 4 the payload's.
 */
final class FrameScript {
    private static final int HEADER = FrameSocket.HEADER_BYTES;
    private static final int LENGTH = 20, CRC = 28;
    private static final int AS_IT_IS = 1, BAD_HEADER = 2, BAD_PAYLOAD = 4;

    private FrameScript() {}

    static byte[] bytes(byte[] script) {
        var out = new ByteArrayOutputStream();
        int at = 0;
        while (at + 1 + HEADER <= script.length) {
            int flags = script[at];
            ByteBuffer header = ByteBuffer.wrap(Arrays.copyOfRange(script, at + 1, at + 1 + HEADER))
                    .order(ByteOrder.LITTLE_ENDIAN);
            at += 1 + HEADER;
            if ((flags & AS_IT_IS) == 0) {
                header.putInt(0, 0x314D5053).putShort(4, (short) FrameSocket.VERSION);
            }
            if ((flags & BAD_HEADER) == 0) {
                header.putInt(CRC, crc32c(header.array(), CRC));
            }
            out.writeBytes(header.array());
            int length = Math.max(0, Math.min(header.getInt(LENGTH), script.length - at));
            ByteBuffer payload =
                    ByteBuffer.wrap(Arrays.copyOfRange(script, at, at + length)).order(ByteOrder.LITTLE_ENDIAN);
            if ((flags & BAD_PAYLOAD) == 0 && length >= PayloadChecksum.BYTES) {
                int sum = length - PayloadChecksum.BYTES;
                payload.putInt(sum, crc32c(payload.array(), sum));
            }
            out.writeBytes(payload.array());
            at += length;
        }
        out.write(script, at, script.length - at); // a header that is not whole
        return out.toByteArray();
    }

    private static int crc32c(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }
}
