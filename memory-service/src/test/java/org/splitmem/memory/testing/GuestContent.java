package org.splitmem.memory.testing;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.Pages;

/** What a page of a test's guest contains, by its number and a version; the same as in src/test/c/paging/fakeqemu.c. */
public final class GuestContent {
    private static final int WORDS = Pages.SIZE / Long.BYTES;

    private GuestContent() {}

    private static long mix(long seed) {
        long x = seed + 0x9e3779b97f4a7c15L;
        x = (x ^ (x >>> 30)) * 0xbf58476d1ce4e5b9L;
        x = (x ^ (x >>> 27)) * 0x94d049bb133111ebL;
        return x ^ (x >>> 31);
    }

    /** @param version 0: all zero */
    public static long word(long page, int version, int index) {
        return version == 0 ? 0 : mix(((long) version << 32 | page) * WORDS + index);
    }

    public static void write(ByteBuffer to, long page, int version) {
        ByteBuffer bytes = to.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < WORDS; i++) {
            bytes.putLong(word(page, version, i));
        }
    }

    /** Fills pages of a memory. */
    public static void write(GuestMemory memory, long from, long count, int version) throws IOException {
        for (long page = from; page < from + count; page++) {
            NativeBlock bytes = new NativeBlock(Pages.SIZE);
            write(bytes.buffer(), page, version);
            memory.write(bytes.address(), page, 1);
            NativeBlock.keep(bytes);
        }
    }

    /** Whether a page of a memory has this content. */
    public static boolean matches(GuestMemory memory, long page, int version) throws IOException {
        NativeBlock bytes = new NativeBlock(Pages.SIZE);
        memory.read(bytes.address(), page, 1);
        return matches(bytes.buffer(), page, version);
    }

    public static boolean matches(ByteBuffer bytes, long page, int version) {
        for (int i = 0; i < WORDS; i++) {
            if (bytes.getLong(bytes.position() + i * Long.BYTES) != word(page, version, i)) {
                return false;
            }
        }
        return true;
    }
}
