package org.splitmem.events.spool;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * One entry of a spool.
 *
 * <p>In a file: length of what follows the checksum (32 bits), CRC32C of that (32), sequence number (64), length of the key (16), the
 * key in UTF-8, the payload. Big-endian.
 *
 * @param sequence ascends by one with each append
 */
public record SpoolRecord(long sequence, String key, String payload) {
    /** More than Kafka takes by default. */
    public static final int MAX_PAYLOAD = 1 << 20;

    static final int HEAD = 8;
    private static final int FIXED = 10;
    private static final int MAX_BODY = FIXED + 0xffff + MAX_PAYLOAD;

    ByteBuffer encode() {
        byte[] keyBytes = key.getBytes(StandardCharsets.UTF_8);
        byte[] text = payload.getBytes(StandardCharsets.UTF_8);
        if (keyBytes.length > 0xffff || text.length > MAX_PAYLOAD) {
            throw new IllegalArgumentException(
                    "a key of " + keyBytes.length + " and a payload of " + text.length + " bytes");
        }
        int body = FIXED + keyBytes.length + text.length;
        ByteBuffer to = ByteBuffer.allocate(HEAD + body);
        to.putInt(body).putInt(0).putLong(sequence).putShort((short) keyBytes.length);
        to.put(keyBytes).put(text);
        to.putInt(4, checksum(to, HEAD, body));
        return to.flip();
    }

    /** Reads the record at the buffer's position and passes it. @return null, and passes nothing, if there is no whole and valid one */
    static @Nullable SpoolRecord decode(ByteBuffer from) {
        int start = from.position();
        if (from.remaining() < HEAD + FIXED) {
            return null;
        }
        int body = from.getInt(start);
        if (body < FIXED || body > MAX_BODY || body > from.remaining() - HEAD) {
            return null;
        }
        if (from.getInt(start + 4) != checksum(from, start + HEAD, body)) {
            return null;
        }
        long sequence = from.getLong(start + HEAD);
        int keyLength = Short.toUnsignedInt(from.getShort(start + HEAD + 8));
        if (keyLength > body - FIXED) {
            return null;
        }
        from.position(start + HEAD + FIXED);
        byte[] key = new byte[keyLength];
        byte[] text = new byte[body - FIXED - keyLength];
        from.get(key).get(text);
        return new SpoolRecord(
                sequence, new String(key, StandardCharsets.UTF_8), new String(text, StandardCharsets.UTF_8));
    }

    private static int checksum(ByteBuffer of, int from, int length) {
        CRC32C crc = new CRC32C();
        crc.update(of.duplicate().limit(from + length).position(from));
        return (int) crc.getValue();
    }
}
