package org.splitmem.bridge.booking;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.UUID;

/** Under which uuid a VM's memory is booked: a name-based one (RFC 4122, version 5), so that everybody finds it without asking. */
public final class Consumers {
    /** The type of our consumers. */
    public static final String TYPE = "SPLITMEM";

    /** Fixed for ever: with another one all bookings would be lost sight of. */
    static final UUID NAMESPACE = UUID.fromString("c8f3e1d2-5b7a-5e46-9d10-73706c69746d");

    private static final int VERSION = 5;

    private Consumers() {}

    public static UUID of(UUID instance) {
        MessageDigest sha1;
        try {
            sha1 = MessageDigest.getInstance("SHA-1");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JVM has SHA-1", e);
        }
        sha1.update(ByteBuffer.allocate(16)
                .putLong(NAMESPACE.getMostSignificantBits())
                .putLong(NAMESPACE.getLeastSignificantBits())
                .flip());
        sha1.update(instance.toString().getBytes(StandardCharsets.UTF_8));
        ByteBuffer hash = ByteBuffer.wrap(sha1.digest());
        long high = (hash.getLong() & ~0xF000L) | (VERSION << 12);
        long low = (hash.getLong() & ~(3L << 62)) | (2L << 62);
        return new UUID(high, low);
    }

    /** False for Nova's own consumers: instances and migrations are random uuids (version 4). */
    public static boolean mayBeOurs(UUID consumer) {
        return consumer.version() == VERSION;
    }
}
