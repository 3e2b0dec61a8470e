package org.splitmem.bridge.rest;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** How hosts are called in answers: by name, or as Nova's hostId, which differs from project to project. */
enum HostNames {
    SHOWN,
    HIDDEN;

    /**
     * As nova.utils.generate_hostid.
     *
     * @param project of the instance that has to do with the host
     */
    String of(String host, @Nullable String project) {
        if (this == SHOWN || host.isEmpty()) {
            return host;
        }
        try {
            byte[] hash = MessageDigest.getInstance("SHA-224")
                    .digest(((project == null ? "" : project) + host).getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JVM has SHA-224", e);
        }
    }
}
