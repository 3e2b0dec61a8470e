package org.splitmem.memory.sim.machine;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.TreeMap;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * A RAM file as a QEMU has mapped it: its page table, which of its pages were written since writes are tracked, and the userfaultfd that watches
 * it. Accesses are those of the guest's threads.
 *
 * <p>Where kernels differ it does the worst that one of them does: a zap that empties a page of the page table has it forget that anything was
 * written. What is worst of a page that is punched depends on who asks: so some kernels leave it armed, and by others it counts as written.
 */
public final class GuestRam {
    static final int MISSING = 1;
    static final int TRACKED = 2;
    static final int MINOR = 4;
    private static final int TABLE_PAGES = 512;
    /** Of the words of a page so many have a content: time is better spent on other things. */
    private static final int STRIDE = 64;

    private final SimProcess process;
    private final Kernel kernel;
    private final FileNode file;
    private final long address;
    private final int pages;
    private final BitSet present = new BitSet();
    private final BitSet armed = new BitSet();
    private final Userfault uffd;
    private int modes;

    GuestRam(SimProcess process, Kernel kernel, FileNode file, long address) {
        this.process = process;
        this.kernel = kernel;
        this.file = file;
        this.address = address;
        this.pages = (int) (file.size() / Native.PAGE);
        this.uffd = new Userfault();
        file.mappedBy(this);
    }

    /** A fault that somebody waits for. */
    private record Fault(int page, boolean isMinor) {}

    /** Of this mapping alone, as the shim makes them. */
    final class Userfault extends OpenFile {
        private final ArrayDeque<Fault> unread = new ArrayDeque<>();

        GuestRam ram() {
            return GuestRam.this;
        }

        @Override
        boolean isReadable() {
            return !unread.isEmpty();
        }

        /** @return bytes, or 0 if nobody waits */
        int read(long to) {
            Fault fault = unread.poll();
            if (fault == null) {
                return 0;
            }
            for (int i = 0; i < 32; i += 8) {
                Native.putLong(to + i, 0);
            }
            Native.putLong(to, 0x12);
            Native.putLong(to + 8, fault.isMinor ? 4 : 0);
            Native.putLong(to + 16, address + (long) fault.page * Native.PAGE);
            return 32;
        }
    }

    private final TreeMap<Integer, WaitQueue> faulting = new TreeMap<>();

    Userfault uffd() {
        return uffd;
    }

    long address() {
        return address;
    }

    public int pages() {
        return pages;
    }

    long bytes() {
        return (long) pages * Native.PAGE;
    }

    FileNode file() {
        return file;
    }

    SimProcess process() {
        return process;
    }

    public int modes() {
        return modes;
    }

    /** Waits until its first word can be loaded. */
    public long load(int page) {
        touch(page, false);
        return file.bytes().getLong(page * Native.PAGE);
    }

    /** Whether a page that was just loaded from has a content. */
    public boolean matches(int page, IntToLongFunction expected) {
        ByteBuffer whole = kernel.scratch();
        for (int i = 0; i < Native.PAGE / 8; i += STRIDE) {
            whole.putLong(i * 8, expected.applyAsLong(i));
        }
        return file.bytes().slice(page * Native.PAGE, Native.PAGE).mismatch(whole) < 0;
    }

    /** Waits until a page can be written, and does so. */
    public void store(int page, IntToLongFunction content) {
        touch(page, true);
        int start = page * Native.PAGE;
        for (int i = 0; i < Native.PAGE / 8; i += STRIDE) {
            file.bytes().putLong(start + i * 8, content.applyAsLong(i));
        }
    }

    private void touch(int page, boolean write) {
        kernel.scheduler().point();
        while (!present.get(page)) {
            if (file.hasData(page) ? (modes & MINOR) != 0 : (modes & MISSING) != 0) {
                uffd.unread.add(new Fault(page, file.hasData(page)));
                kernel.changed();
                kernel.scheduler().await(faulting.computeIfAbsent(page, of -> new WaitQueue()), Long.MAX_VALUE);
            } else {
                file.fill((long) page * Native.PAGE, Native.PAGE);
                present.set(page);
            }
        }
        if (write) {
            armed.clear(page);
        }
    }

    // ---- what is asked of the kernel

    void setModes(int wanted) {
        boolean isLess = (wanted & ~modes) == 0 && wanted != 0;
        modes = isLess ? modes : wanted; // as the kernel takes it: nothing new, nothing done
        if (wanted == 0) {
            armed.clear();
            wake(0, pages);
        }
    }

    /** @return 0, or an errno: then those before it are mapped */
    int map(int first, int count, boolean zero) {
        if (process.isDead()) {
            return Errors.ESRCH;
        }
        if (modes == 0) {
            return Errors.ENOENT;
        }
        for (int page = first; page < first + count; page++) {
            int refused = zero ? mapZero(page) : mapCached(page);
            if (refused != 0) {
                boolean some = page > first;
                wake(first, page - first);
                return some ? Errors.EAGAIN : refused;
            }
        }
        wake(first, count);
        return 0;
    }

    private int mapCached(int page) {
        if (!file.hasData(page)) {
            return Errors.EFAULT;
        }
        if (present.get(page)) {
            return Errors.EEXIST;
        }
        present.set(page);
        armed.clear(page);
        return 0;
    }

    private int mapZero(int page) {
        if (file.hasData(page)) {
            return Errors.EEXIST;
        }
        file.fill((long) page * Native.PAGE, Native.PAGE);
        present.set(page);
        armed.clear(page);
        return 0;
    }

    /** Those that wait for one of these pages: nobody else. */
    void wake(int first, int count) {
        faulting.subMap(first, first + count).values().forEach(WaitQueue::wakeAll);
    }

    void zap(int first, int count) {
        present.clear(first, first + count);
        for (int table = first / TABLE_PAGES; table * TABLE_PAGES < first + count; table++) {
            int from = table * TABLE_PAGES;
            int end = Math.min(pages, from + TABLE_PAGES);
            int next = present.nextSetBit(from);
            if (!armed.isEmpty() && (next < 0 || next >= end)) {
                armed.set(from, end);
            }
        }
    }

    void punched(int from, int end) {
        present.clear(from, Math.min(end, pages));
        if (!kernel.keepsArmed()) {
            armed.clear(from, Math.min(end, pages));
        }
    }

    boolean isWritten(int page) {
        return (modes & TRACKED) == 0 || !armed.get(page);
    }

    void arm(int page) {
        armed.set(page);
    }

    /** For inspections: whether the guest sees the file's page without asking. */
    public boolean isPresent(int page) {
        return present.get(page);
    }

    public boolean isInFile(int page) {
        return file.hasData(page);
    }

    public long wordInFile(int page) {
        return file.bytes().getLong(page * Native.PAGE);
    }

    void unmap() {
        file.unmappedBy(this);
        modes = 0;
        @Nullable Fault none;
        do {
            none = uffd.unread.poll();
        } while (none != null);
    }
}
