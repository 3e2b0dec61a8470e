package org.splitmem.events.spool;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What was dropped of a lane and told to nobody yet, in a file that is always replaced whole. Used under the spool's monitor.
 *
 * <p>The file also says up to which number was dropped, and is written before the segment is deleted: a crash in between drops
 * nothing twice.
 */
final class Drops {
    private static final Logger log = LoggerFactory.getLogger(Drops.class);

    private final Path file;
    private final Path draft;
    private final Map<String, Long> counts = new HashMap<>();
    private long below;

    Drops(Path file) throws IOException {
        this.file = file;
        this.draft = file.resolveSibling(file.getFileName() + ".new");
        if (Files.exists(file)) {
            load(Files.readAllBytes(file));
        }
    }

    private void load(byte[] content) throws IOException {
        int length = content.length - Integer.BYTES;
        var in = new DataInputStream(new ByteArrayInputStream(content));
        if (length < 0 || !endsWith(content, checksum(content, length))) {
            // Never a crash of ours, which leaves the old file or the new one: the disk's.
            log.error("{} is damaged: how much was dropped before is forgotten", file);
            return;
        }
        below = in.readLong();
        for (int left = in.readInt(); left > 0; left--) {
            String key = in.readUTF();
            counts.put(key, in.readLong());
        }
    }

    /** Every record below this number that was not done by then was dropped. */
    long below() {
        return below;
    }

    long count(String key) {
        return counts.getOrDefault(key, 0L);
    }

    /** Notes that everything below a number is dropped, these not yet done ones among it. */
    void add(long newBelow, Map<String, Long> dropped) throws IOException {
        dropped.forEach((key, n) -> counts.merge(key, n, Long::sum));
        below = Math.max(below, newBelow);
        save();
    }

    /** Takes away what was told meanwhile, or was not dropped after all. */
    void subtract(Map<String, Long> told) throws IOException {
        boolean changed = false;
        for (Map.Entry<String, Long> entry : told.entrySet()) {
            long left = count(entry.getKey()) - entry.getValue();
            if (left > 0) {
                counts.put(entry.getKey(), left);
                changed = true;
            } else {
                changed |= counts.remove(entry.getKey()) != null;
            }
        }
        if (changed) {
            save();
        }
    }

    private void save() throws IOException {
        var bytes = new ByteArrayOutputStream();
        var out = new DataOutputStream(bytes);
        out.writeLong(below);
        out.writeInt(counts.size());
        for (Map.Entry<String, Long> entry : counts.entrySet()) {
            out.writeUTF(entry.getKey());
            out.writeLong(entry.getValue());
        }
        out.writeInt(checksum(bytes.toByteArray(), bytes.size()));
        Files.write(draft, bytes.toByteArray());
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private static boolean endsWith(byte[] content, int checksum) {
        return ByteBuffer.wrap(content).getInt(content.length - Integer.BYTES) == checksum;
    }

    private static int checksum(byte[] content, int length) {
        CRC32C crc = new CRC32C();
        crc.update(content, 0, length);
        return (int) crc.getValue();
    }
}
