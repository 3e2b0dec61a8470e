package org.splitmem.memory.wire;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.UUID;

/**
 * The first frame's payload: what the connection is for.
 *
 * @param role what the caller will do on this connection
 * @param vm whose pages
 * @param token the VM's access token, 64 hexadecimal digits
 * @param epoch the caller's owner epoch; a memory server refuses any that is older than the newest it has seen
 * @param pages pages of the VM; both sides must agree
 */
public record Hello(
        @JsonProperty(required = true) Role role,
        @JsonProperty(required = true) UUID vm,
        @JsonProperty(required = true) String token,
        @JsonProperty(required = true) long epoch,
        @JsonProperty(required = true) long pages) {
    /** What a connection is for; each kind has a connection of its own, so that a page-in never waits behind bulk data. */
    public enum Role {
        /** Page-ins by the owner of the VM, or by who is to be the next one. */
        PAGE_IN,
        /** Page-ins of many pages at once by the owner, or by who is to be the next one, for which no guest waits. */
        FETCH,
        /** Page-outs by the owner of the VM, and drops of what it has fetched. */
        PAGE_OUT,
        /** The owner has the server fetch pages from another one. */
        PULL,
        /** Bulk data of a migration, from its source. */
        STREAM,
        /** The migration's own conversation, from its source to its main destination. */
        CONTROL
    }

    /** Whether the token is this one. */
    public boolean shows(String secret) {
        return isSameToken(secret, token);
    }

    /** In constant time, so that a token cannot be guessed digit by digit. */
    public static boolean isSameToken(String ours, String theirs) {
        return MessageDigest.isEqual(ours.getBytes(StandardCharsets.UTF_8), theirs.getBytes(StandardCharsets.UTF_8));
    }
}
