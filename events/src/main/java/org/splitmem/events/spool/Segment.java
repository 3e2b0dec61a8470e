package org.splitmem.events.spool;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A file of records in their order, named by the number of its first one. Only the newest segment of a lane is appended to; what follows
 * the first record that is torn or damaged is not read. Used under the spool's monitor.
 */
final class Segment {
    static final String SUFFIX = ".seg";
    private static final byte[] MAGIC = "SMSPOOL1".getBytes(StandardCharsets.US_ASCII);

    /** Offset of the first record. */
    static final long START = MAGIC.length;

    private static final int CHUNK_BYTES = 2 * SpoolRecord.MAX_PAYLOAD;

    private final Path file;
    private final long first;
    private long next;
    private long bytes;
    private @Nullable FileChannel channel; // while it is appended to

    private Segment(Path file, long first, long next, long bytes, @Nullable FileChannel channel) {
        this.file = file;
        this.first = first;
        this.next = next;
        this.bytes = bytes;
        this.channel = channel;
    }

    static Segment create(Path directory, long first) throws IOException {
        Path file = directory.resolve("%020d%s".formatted(first, SUFFIX));
        // It may be there: the head of one whose creation was interrupted.
        FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
        try {
            writeAll(channel, ByteBuffer.wrap(MAGIC), 0);
        } catch (IOException e) {
            channel.close();
            throw e;
        }
        return new Segment(file, first, first, MAGIC.length, channel);
    }

    /** What is found in a file of an earlier process; it is only read from then on. */
    static Found open(Path file) throws IOException {
        byte[] content = Files.readAllBytes(file);
        boolean known = content.length >= MAGIC.length && Arrays.equals(MAGIC, 0, 8, content, 0, 8);
        ByteBuffer in = ByteBuffer.wrap(content);
        List<SpoolRecord> records = new ArrayList<>();
        if (known) {
            in.position(MAGIC.length);
            readAll(in, records);
        }
        if (records.isEmpty()) {
            return new Found(null, content.length > MAGIC.length ? content.length : 0);
        }
        long next = records.get(records.size() - 1).sequence() + 1;
        var segment = new Segment(file, records.get(0).sequence(), next, in.position(), null);
        return new Found(segment, content.length - in.position());
    }

    /**
     * The result of {@link #open}.
     *
     * @param segment null if there is no record in the file
     * @param damagedBytes behind the last valid record
     */
    record Found(@Nullable Segment segment, long damagedBytes) {}

    private static void readAll(ByteBuffer in, List<SpoolRecord> to) {
        SpoolRecord before = null;
        for (; ; ) {
            int start = in.position();
            SpoolRecord record = SpoolRecord.decode(in);
            if (record == null || (before != null && record.sequence() != before.sequence() + 1)) {
                in.position(start);
                return;
            }
            to.add(record);
            before = record;
        }
    }

    /** Appends the record with the number {@link #next}. If it fails, the segment is as before, or closed to appends. */
    void append(ByteBuffer record) throws IOException {
        FileChannel to = channel;
        if (to == null) {
            throw new IOException(file + " is closed");
        }
        int length = record.remaining();
        try {
            writeAll(to, record, bytes);
        } catch (IOException e) {
            takeBack(to, e);
            throw e;
        }
        bytes += length;
        next++;
    }

    private void takeBack(FileChannel to, IOException why) {
        try {
            to.truncate(bytes);
        } catch (IOException e) {
            why.addSuppressed(e);
            closeQuietly(why);
        }
    }

    private void closeQuietly(IOException why) {
        try {
            close();
        } catch (IOException e) {
            why.addSuppressed(e);
        }
    }

    private static void writeAll(FileChannel to, ByteBuffer what, long at) throws IOException {
        long position = at;
        while (what.hasRemaining()) {
            position += to.write(what, position);
        }
    }

    /**
     * Some records.
     *
     * @param from offset in the file at which one begins
     * @param most how many, at most
     */
    Chunk read(long from, int most) throws IOException {
        ByteBuffer in = ByteBuffer.allocate((int) Math.min(bytes - from, CHUNK_BYTES));
        try (FileChannel source = FileChannel.open(file, StandardOpenOption.READ)) {
            while (in.hasRemaining() && source.read(in, from + in.position()) >= 0) {} // to the end of what is wanted
        }
        in.flip();
        List<SpoolRecord> records = new ArrayList<>();
        while (records.size() < most) {
            SpoolRecord record = SpoolRecord.decode(in);
            if (record == null) {
                break;
            }
            records.add(record);
        }
        // Damaged, although it was intact when it was opened or written: the rest is lost.
        return records.isEmpty() ? new Chunk(records, bytes) : new Chunk(records, from + in.position());
    }

    /**
     * Records that were read; none if there is nothing to read but damage.
     *
     * @param end offset in the file to go on from
     */
    record Chunk(List<SpoolRecord> records, long end) {}

    boolean isOpen() {
        return channel != null;
    }

    void force() throws IOException {
        if (channel != null) {
            channel.force(false);
        }
    }

    /** Ends the appends. */
    void close() throws IOException {
        FileChannel ended = channel;
        channel = null;
        if (ended != null) {
            ended.close();
        }
    }

    void delete() throws IOException {
        close();
        Files.deleteIfExists(file);
    }

    Path file() {
        return file;
    }

    long first() {
        return first;
    }

    /** One more than its last record's number. */
    long next() {
        return next;
    }

    boolean isEmpty() {
        return first == next;
    }

    long bytes() {
        return bytes;
    }
}
