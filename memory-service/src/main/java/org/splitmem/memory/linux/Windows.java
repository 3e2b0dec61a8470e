package org.splitmem.memory.linux;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Reads a large mapping through buffers, which end at 2 GiB: a row of windows of 1 GiB. Confined to one thread; reused, so
 * that nothing is allocated after the first visit of a window.
 */
public final class Windows {
    private static final int SHIFT = 30;
    private static final long WINDOW = 1L << SHIFT;

    private final long address;
    private final long bytes;
    private final @Nullable ByteBuffer[] windows;
    private final CRC32C crc = new CRC32C();

    /** The mapping must outlive this object. */
    public Windows(long address, long bytes) {
        this.address = address;
        this.bytes = bytes;
        this.windows = new @Nullable ByteBuffer[(int) ((bytes + WINDOW - 1) >>> SHIFT)];
    }

    /** A reused view of {@code length} bytes at {@code offset}; the range must not cross a multiple of 1 GiB. */
    public ByteBuffer at(long offset, int length) {
        int index = (int) (offset >>> SHIFT);
        ByteBuffer window = windows[index];
        if (window == null) {
            long start = (long) index << SHIFT;
            window = Mman.view(address + start, (int) Math.min(WINDOW, bytes - start));
            windows[index] = window;
        }
        int position = (int) (offset & (WINDOW - 1));
        return window.limit(position + length).position(position);
    }

    /** CRC32C of a range that does not cross a multiple of 1 GiB. */
    public int crc32c(long offset, int length) {
        crc.reset();
        crc.update(at(offset, length));
        return (int) crc.getValue();
    }

    /** Number of windows' worth of mappings; for tests. */
    int size() {
        return windows.length;
    }
}
