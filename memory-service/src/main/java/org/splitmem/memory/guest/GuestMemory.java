package org.splitmem.memory.guest;

import java.io.IOException;
import java.util.List;
import java.util.Objects;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.Unistd;
import org.splitmem.memory.page.Pages;

/**
 * A VM's RAM as one row of pages: its backends (one, or one a NUMA cell) one after the other.
 *
 * <p>Immutable; any thread. Page indexes are checked.
 */
public final class GuestMemory implements AutoCloseable {
    private final RamFile[] backends;
    private final long[] firstPage; // of each backend; the last element is the number of pages
    private final long pages;

    /** The files become this object's. */
    public GuestMemory(List<RamFile> files) {
        backends = files.toArray(RamFile[]::new);
        firstPage = new long[backends.length + 1];
        for (int i = 0; i < backends.length; i++) {
            firstPage[i + 1] = firstPage[i] + Pages.exactly("RAM of backend " + i, backends[i].bytes());
        }
        pages = firstPage[backends.length];
    }

    public long pages() {
        return pages;
    }

    public int backends() {
        return backends.length;
    }

    public RamFile file(int backend) {
        return backends[backend];
    }

    public long firstPage(int backend) {
        return firstPage[backend];
    }

    /** One past the last page of a backend. */
    public long endPage(int backend) {
        return firstPage[backend + 1];
    }

    public int backendOf(long page) {
        Objects.checkIndex(page, pages);
        int backend = 0;
        while (page >= firstPage[backend + 1]) {
            backend++;
        }
        return backend;
    }

    /** Where a run from {@code page} to {@code end} ends, or the part of it that is in the page's backend. */
    public long endOfPart(long page, long end) {
        return Math.min(end, endPage(backendOf(page)));
    }

    /** Bytes from the start of the page's backend. */
    public long offset(long page) {
        return Pages.toBytes(page - firstPage[backendOf(page)]);
    }

    /**
     * Copies whole pages from the files into memory; the run may cross backends. A hole reads as zeros, and stays one.
     *
     * @throws CutShortException if QEMU has cut a file short
     */
    public void read(long address, long page, long count) throws IOException {
        Objects.checkFromIndexSize(page, count, pages);
        long at = page;
        while (at < page + count) {
            long end = endOfPart(at, page + count);
            readPart(address + Pages.toBytes(at - page), at, Pages.toBytes(end - at));
            at = end;
        }
    }

    /** @throws CutShortException if QEMU has cut a file short: what was behind the end is no hole that reads as zeros */
    public void requireWhole() throws IOException {
        for (int i = 0; i < backends.length; i++) {
            long found = Unistd.size(backends[i].fd());
            if (found < backends[i].bytes()) {
                throw new CutShortException(i, found, backends[i].bytes());
            }
        }
    }

    /** Copies the first bytes of a page. */
    void readStart(long address, long page, int bytes) throws IOException {
        readPart(address, page, bytes);
    }

    private void readPart(long address, long page, long bytes) throws IOException {
        RamFile file = backends[backendOf(page)];
        if (!Unistd.readWholeAt(file.fd(), address, bytes, offset(page))) {
            throw new CutShortException(backendOf(page), Unistd.size(file.fd()), file.bytes());
        }
    }

    /** Writes whole pages from memory into the files; the run may cross backends. */
    public void write(long address, long page, long count) throws LinuxException {
        Objects.checkFromIndexSize(page, count, pages);
        long at = page;
        while (at < page + count) {
            long end = endOfPart(at, page + count);
            Unistd.writeAt(
                    file(backendOf(at)).fd(), address + Pages.toBytes(at - page), Pages.toBytes(end - at), offset(at));
            at = end;
        }
    }

    /** Frees pages; the run may cross backends. */
    public void punch(long page, long count) throws LinuxException {
        Objects.checkFromIndexSize(page, count, pages);
        long at = page;
        while (at < page + count) {
            long end = endOfPart(at, page + count);
            Unistd.punchHole(file(backendOf(at)).fd(), offset(at), Pages.toBytes(end - at));
            at = end;
        }
    }

    /** First page at or after {@code page} that takes up memory here, or {@link #pages} if there is none. */
    public long nextData(long page) throws LinuxException {
        for (long at = page; at < pages; ) {
            int backend = backendOf(at);
            long data = Unistd.nextData(backends[backend].fd(), offset(at));
            if (data >= 0 && data < backends[backend].bytes()) { // else QEMU has lengthened it: there is no such page
                return firstPage[backend] + Pages.fromBytes(data);
            }
            at = firstPage[backend + 1];
        }
        return pages;
    }

    /** First page at or after {@code page} that is a hole, at most the end of the page's backend. */
    public long nextHole(long page) throws LinuxException {
        int backend = backendOf(page);
        long hole = Unistd.nextHole(backends[backend].fd(), offset(page));
        if (hole < 0 || hole > backends[backend].bytes()) {
            return firstPage[backend + 1];
        }
        // QEMU may have cut the file within a page: that page counts as data, or a search for the next data would find
        // it
        // again and again.
        return firstPage[backend] + Pages.fromBytes(Pages.roundUp(hole));
    }

    public boolean hasData(long page) throws LinuxException {
        return nextData(page) == page;
    }

    @Override
    public void close() {
        for (RamFile backend : backends) {
            backend.close();
        }
    }
}
