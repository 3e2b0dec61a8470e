package org.splitmem.events.spool;

import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * A bounded queue on disk, in two lanes. Any thread.
 *
 * <p>What {@link #append} has returned from survives the death of this process. It survives that of the host once {@link #force} has
 * returned. When the bound is reached the oldest samples go first, a segment at a time; when there are none left, the oldest of the rest.
 */
public final class Spool implements AutoCloseable {
    private static final long MIN_SEGMENT = 4096;
    private static final long MAX_SEGMENT = 1 << 20;
    private static final int SEGMENTS = 32;

    private final long maxBytes;
    private final FileChannel lockFile;
    private final Map<LaneName, Lane> lanes = new EnumMap<>(LaneName.class);
    private boolean closed;

    /** The lanes; each keeps the order of its own. */
    public enum LaneName {
        /** Dropped only when nothing else is left to drop. */
        KEPT,
        /** Dropped first. */
        SAMPLES
    }

    /**
     * Opens a spool, or makes it.
     *
     * @param maxBytes of its files, at most; a little more for its bookkeeping
     * @throws IOException also if another process has it open
     */
    public Spool(Path directory, long maxBytes) throws IOException {
        if (maxBytes < 4 * MIN_SEGMENT) {
            throw new IllegalArgumentException("a spool of " + maxBytes + " bytes is too small");
        }
        this.maxBytes = maxBytes;
        Files.createDirectories(directory);
        lockFile = FileChannel.open(directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            takeLock(directory);
            long segment = Math.max(MIN_SEGMENT, Math.min(MAX_SEGMENT, maxBytes / SEGMENTS));
            for (LaneName name : LaneName.values()) {
                lanes.put(name, new Lane(directory.resolve(name == LaneName.KEPT ? "kept" : "samples"), segment));
            }
        } catch (IOException e) {
            lockFile.close();
            throw e;
        }
    }

    private void takeLock(Path directory) throws IOException {
        try {
            if (lockFile.tryLock() != null) {
                return;
            }
        } catch (OverlappingFileLockException e) {
            throw new IOException("the spool " + directory + " is open already", e);
        }
        throw new IOException("the spool " + directory + " belongs to another process");
    }

    /** Appends a record, and makes room for it. @throws IOException if it could not be written: it is not in the spool then */
    public synchronized void append(LaneName name, String key, String payload) throws IOException {
        requireOpen();
        long needed = payload.length() + key.length() + 64L; // nearly all of it is ASCII
        while (bytes() + needed > maxBytes && makeRoom()) {} // one segment after the other
        lane(name).append(key, payload);
    }

    private boolean makeRoom() throws IOException {
        for (LaneName name : List.of(LaneName.SAMPLES, LaneName.KEPT)) {
            Lane lane = lane(name);
            if (lane.bytes() > 0) {
                lane.dropOldest();
                return true;
            }
        }
        return false;
    }

    /** The next records that were not polled since the spool was opened; each is given once. */
    public synchronized List<SpoolRecord> poll(LaneName name, int most) throws IOException {
        requireOpen();
        return lane(name).poll(most);
    }

    /** All records below a number are done. */
    public synchronized void acknowledge(LaneName name, long below) throws IOException {
        requireOpen();
        lane(name).acknowledge(below);
    }

    /**
     * Drops were told, or got through after all. To be called before the record that told them is acknowledged: after a crash in
     * between, it is sent again without them, and whoever knows its id looks at the first only.
     *
     * @param told how many, by key
     */
    public synchronized void told(LaneName name, Map<String, Long> told) throws IOException {
        requireOpen();
        lane(name).drops().subtract(told);
    }

    /** Every record below this number is done or dropped. */
    public synchronized long droppedBelow(LaneName name) {
        return lane(name).drops().below();
    }

    /** How many records of a key were dropped, and not told yet. */
    public synchronized long dropped(LaneName name, String key) {
        return lane(name).drops().count(key);
    }

    /** Brings everything to the disk. Appends go on meanwhile. */
    public void force() throws IOException {
        for (Lane lane : lanes.values()) {
            List<Segment> segments;
            synchronized (this) {
                if (closed) {
                    return;
                }
                segments = lane.toForce();
            }
            List<Segment> forced = new ArrayList<>();
            for (Segment segment : segments) {
                try {
                    segment.force();
                } catch (ClosedChannelException e) {
                    continue; // all of it was done or dropped meanwhile
                }
                forced.add(segment);
            }
            synchronized (this) {
                lane.forced(forced);
            }
        }
    }

    /** Size of all segments. */
    public synchronized long bytes() {
        return lanes.values().stream().mapToLong(Lane::bytes).sum();
    }

    /** How many records wait. */
    public synchronized long backlog(LaneName name) {
        return lane(name).backlog();
    }

    /** How many records were dropped since the spool was opened. */
    public synchronized long totalDropped(LaneName name) {
        return lane(name).totalDropped();
    }

    /** What was torn or damaged when the spool was opened. */
    public synchronized long damagedBytes() {
        return lanes.values().stream().mapToLong(Lane::damagedBytes).sum();
    }

    private Lane lane(LaneName name) {
        Lane lane = lanes.get(name);
        if (lane == null) {
            throw new IllegalStateException("no lane " + name);
        }
        return lane;
    }

    private void requireOpen() throws IOException {
        if (closed) {
            throw new IOException("the spool is closed");
        }
    }

    /** Brings everything to the disk, and lets go of the directory. */
    @Override
    public synchronized void close() throws IOException {
        if (!closed) {
            closed = true;
            for (Lane lane : lanes.values()) {
                lane.close();
            }
            lockFile.close();
        }
    }
}
