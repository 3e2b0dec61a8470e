package org.splitmem.events.spool;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/**
 * How far a lane is done: a number in a file. Written to two places by turns, so that an interrupted write leaves the number before it;
 * who then starts from that tells some events a second time. Used under the spool's monitor.
 */
final class Cursor implements AutoCloseable {
    private static final int SLOT = 16; // the number, its checksum, and room
    private static final int SLOTS = 2;

    private final FileChannel file;
    private long value;
    private int turn;

    Cursor(Path path) throws IOException {
        file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        for (int slot = 0; slot < SLOTS; slot++) {
            ByteBuffer in = ByteBuffer.allocate(SLOT);
            file.read(in, (long) slot * SLOT);
            long found = in.getLong(0);
            if (in.getInt(8) == checksum(found) && found > value) {
                value = found;
                turn = slot + 1;
            }
        }
    }

    long value() {
        return value;
    }

    void advance(long to) throws IOException {
        ByteBuffer out = ByteBuffer.allocate(SLOT).putLong(to).putInt(checksum(to));
        file.write(out.clear(), (long) (turn++ % SLOTS) * SLOT);
        value = to;
    }

    private static int checksum(long of) {
        CRC32C crc = new CRC32C();
        crc.update(ByteBuffer.allocate(8).putLong(of).flip());
        return (int) crc.getValue() ^ 0x53504f4f; // so that a file of zeros is not valid
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
