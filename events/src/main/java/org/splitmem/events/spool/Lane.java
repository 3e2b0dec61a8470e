package org.splitmem.events.spool;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One first-in-first-out queue of a spool, in a directory of its own. Used under the spool's monitor. */
final class Lane {
    private static final Logger log = LoggerFactory.getLogger(Lane.class);

    private final Path directory;
    private final long segmentBytes;
    private final Deque<Segment> segments = new ArrayDeque<>();
    private final Set<Segment> unforced = new LinkedHashSet<>(); // full, but perhaps not yet on the disk
    private final Cursor cursor;
    private final Drops drops;
    private long next;
    private @Nullable Segment reading;
    private long readOffset;
    private long totalDropped;
    private long damagedBytes;

    Lane(Path directory, long segmentBytes) throws IOException {
        this.directory = Files.createDirectories(directory);
        this.segmentBytes = segmentBytes;
        this.cursor = new Cursor(directory.resolve("cursor"));
        this.drops = new Drops(directory.resolve("dropped"));
        recover();
    }

    private void recover() throws IOException {
        List<Path> files = new ArrayList<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(directory, "*" + Segment.SUFFIX)) {
            found.forEach(files::add);
        }
        files.sort(null);
        long done = Math.max(cursor.value(), drops.below());
        next = done;
        for (Path file : files) {
            Segment.Found found = Segment.open(file);
            Segment segment = found.segment();
            if (found.damagedBytes() > 0) {
                damagedBytes += found.damagedBytes();
                log.warn("{}: {} bytes at its end are torn or damaged and are left out", file, found.damagedBytes());
            }
            if (segment == null || segment.next() <= done) {
                Files.delete(file);
            } else {
                segments.add(segment);
                next = Math.max(next, segment.next());
            }
        }
    }

    /** @throws IOException if it is not in the spool now */
    void append(String key, String payload) throws IOException {
        ByteBuffer record = new SpoolRecord(next, key, payload).encode();
        Segment to = segments.peekLast();
        if (to != null && to.isOpen() && !to.isEmpty() && to.bytes() + record.remaining() > segmentBytes) {
            unforced.add(to);
            to = null;
        }
        if (to == null || !to.isOpen() || to.next() != next) {
            forgetDone();
            to = Segment.create(directory, next);
            segments.add(to);
        }
        to.append(record);
        next++;
    }

    private void forgetDone() throws IOException {
        for (Segment oldest = segments.peekFirst();
                oldest != null && oldest.next() <= cursor.value();
                oldest = segments.peekFirst()) {
            remove(oldest);
        }
    }

    private void remove(Segment segment) throws IOException {
        segments.remove(segment);
        unforced.remove(segment);
        if (reading == segment) {
            reading = null;
        }
        segment.delete();
    }

    /** The next records that were not polled since the spool was opened; each is given once. */
    List<SpoolRecord> poll(int most) throws IOException {
        List<SpoolRecord> result = new ArrayList<>();
        while (result.size() < most) {
            Segment from = segmentToRead();
            if (from == null) {
                break;
            }
            Segment.Chunk chunk = from.read(readOffset, most - result.size());
            if (chunk.records().isEmpty()) {
                damagedBytes += chunk.end() - readOffset;
                log.error("{} became damaged at byte {}: the rest of it is lost", from.file(), readOffset);
            }
            readOffset = chunk.end();
            for (SpoolRecord record : chunk.records()) {
                if (record.sequence() >= cursor.value()) {
                    result.add(record);
                }
            }
        }
        return result;
    }

    /** Where there is something to read; null if nowhere. */
    private @Nullable Segment segmentToRead() {
        Segment last = reading;
        for (Segment segment : segments) {
            if (last == null || segment.first() >= last.first()) {
                if (segment != last) {
                    reading = segment;
                    readOffset = Segment.START;
                }
                if (readOffset < segment.bytes()) {
                    return segment;
                }
            }
        }
        return null;
    }

    /** Everything below a number is done. */
    void acknowledge(long below) throws IOException {
        if (below > cursor.value()) {
            cursor.advance(below);
            while (segments.size() > 1 && segments.getFirst().next() <= below) {
                remove(segments.getFirst());
            }
        }
    }

    boolean isEmpty() {
        return segments.isEmpty() || segments.getLast().next() <= cursor.value();
    }

    /** Drops the oldest segment. @return how many records that were not done */
    long dropOldest() throws IOException {
        Segment oldest = segments.getFirst();
        Map<String, Long> lost = new HashMap<>();
        long n = 0;
        for (long offset = Segment.START; offset < oldest.bytes(); ) {
            Segment.Chunk chunk = oldest.read(offset, Integer.MAX_VALUE);
            offset = chunk.end();
            for (SpoolRecord record : chunk.records()) {
                if (record.sequence() >= Math.max(cursor.value(), drops.below())) {
                    lost.merge(record.key(), 1L, Long::sum);
                    n++;
                }
            }
        }
        drops.add(oldest.next(), lost);
        remove(oldest);
        totalDropped += n;
        return n;
    }

    Drops drops() {
        return drops;
    }

    long totalDropped() {
        return totalDropped;
    }

    long damagedBytes() {
        return damagedBytes;
    }

    long bytes() {
        return segments.stream().mapToLong(Segment::bytes).sum();
    }

    /** Records that are neither done nor dropped. */
    long backlog() {
        return isEmpty()
                ? 0
                : next - Math.max(cursor.value(), segments.getFirst().first());
    }

    /** What has to be forced to the disk: every full segment, and the one that is appended to. */
    List<Segment> toForce() {
        List<Segment> all = new ArrayList<>(unforced);
        Segment active = segments.peekLast();
        if (active != null && active.isOpen() && !unforced.contains(active)) {
            all.add(active);
        }
        return all;
    }

    void forced(List<Segment> segmentsOnDisk) throws IOException {
        for (Segment segment : segmentsOnDisk) {
            if (unforced.remove(segment)) {
                segment.close();
            }
        }
    }

    void close() throws IOException {
        for (Segment segment : segments) {
            segment.force();
            segment.close();
        }
        cursor.close();
    }
}
