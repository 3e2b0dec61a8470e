package org.splitmem.memory.record;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What an earlier daemon has left and this one cannot trust: it is kept as it is, and not served, so that no guest is given anything
 * in place of its memory. All else is served. Any thread.
 */
public final class Damaged {
    private static final Logger log = LoggerFactory.getLogger(Damaged.class);

    private final String kind;
    private final Map<UUID, String> reasons = new TreeMap<>(); // guarded by this

    /** @param kind of what is kept, as in "VM" */
    public Damaged(String kind) {
        this.kind = kind;
    }

    /** @param entry what was found, in a directory where each thing has its uuid's name */
    public synchronized void add(Path entry, IOException why) {
        UUID uuid = uuidOf(entry);
        if (uuid == null) {
            log.warn("{} is nothing of splitmem's, and is left alone", entry);
            return;
        }
        String reason = kind + " " + uuid + " cannot be taken up, and is frozen: " + why.getMessage()
                + ". Nothing of it is freed; to give it up, remove " + entry + " and restart splitmemd";
        reasons.put(uuid, reason);
        log.error("vm={} {}", uuid, reason);
    }

    /** Whose it is by its name; null if it is nobody's. */
    public static @Nullable UUID uuidOf(Path entry) {
        try {
            return UUID.fromString(entry.getFileName().toString());
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /** @throws IOException saying why, and what to do, if it is one of them */
    public synchronized void requireNot(UUID uuid) throws IOException {
        String reason = reasons.get(uuid);
        if (reason != null) {
            throw new IOException(reason);
        }
    }

    public synchronized boolean contains(UUID uuid) {
        return reasons.containsKey(uuid);
    }

    /** By uuid. */
    public synchronized Map<UUID, String> all() {
        return Map.copyOf(reasons);
    }
}
