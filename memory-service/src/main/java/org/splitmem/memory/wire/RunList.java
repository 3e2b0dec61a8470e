package org.splitmem.memory.wire;

import java.io.IOException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageSet;

/**
 * A list of runs of pages, as PAGES, DROP, DIRTY, HELD and DAMAGED frames carry it: for each run its first page and its number of
 * pages, 32 bits each; then, unless the list is empty, the CRC32C of all that. Confined to one thread; reused.
 */
public final class RunList {
    public static final int MAX_RUNS = 512;
    /** Most pages in one PAGES frame: 2 MiB. */
    public static final int MAX_PAGES = 512;

    private static final int RUN_BYTES = 8;
    private static final int PAGES_OFFSET = 4;

    private final NativeBlock block = new NativeBlock(MAX_RUNS * RUN_BYTES + PayloadChecksum.BYTES);
    private final PayloadChecksum checksum = new PayloadChecksum(block);
    private int runs;
    private long pages;

    public void clear() {
        runs = 0;
        pages = 0;
    }

    public boolean isEmpty() {
        return runs == 0;
    }

    public int runs() {
        return runs;
    }

    /** Sum of the runs' pages. */
    public long pages() {
        return pages;
    }

    public boolean isFull() {
        return runs == MAX_RUNS;
    }

    public long first(int run) {
        return block.getInt(run * RUN_BYTES) & 0xFFFF_FFFFL;
    }

    public long count(int run) {
        return block.getInt(run * RUN_BYTES + PAGES_OFFSET) & 0xFFFF_FFFFL;
    }

    /** Appends a page, lengthening the last run where it can. @throws IllegalStateException if the list is full */
    public void add(long page) {
        add(page, 1);
    }

    public void add(long page, long count) {
        if (runs > 0 && first(runs - 1) + count(runs - 1) == page) {
            block.putInt((runs - 1) * RUN_BYTES + PAGES_OFFSET, (int) (count(runs - 1) + count));
        } else {
            if (isFull()) {
                throw new IllegalStateException("more than " + MAX_RUNS + " runs");
            }
            block.putInt(runs * RUN_BYTES, (int) page).putInt(runs * RUN_BYTES + PAGES_OFFSET, (int) count);
            runs++;
        }
        pages += count;
    }

    /**
     * Makes it a list of pages of a set, from {@code from} on, until it is full.
     *
     * @return the page up to which all are listed
     */
    public long fill(PageSet set, long from) {
        clear();
        for (long page = from; (page = set.next(page, set.pages())) < set.pages(); page++) {
            if (isFull()) {
                return page;
            }
            add(page);
        }
        return set.pages();
    }

    /** Adds its checksum. @return where its {@link #bytes} bytes are, good until the list changes */
    public long sealed() {
        if (runs > 0) {
            checksum.append(runs * RUN_BYTES);
        }
        return block.address();
    }

    /** Its length on the wire. */
    public int bytes() {
        return bytes(runs);
    }

    private static int bytes(int runs) {
        return runs == 0 ? 0 : runs * RUN_BYTES + PayloadChecksum.BYTES;
    }

    /** Sends a frame whose whole payload is this list. */
    public void sendAs(FrameType type, FrameSocket socket, long page, int value) throws IOException {
        socket.sendHeader(type, page, runs, bytes(), value, runs > 0);
        if (runs > 0) {
            socket.socket().send(sealed(), bytes(), false);
        }
    }

    /**
     * Receives the list at the start of the payload of the frame just read, and checks that its runs lie within the VM.
     *
     * @param vmPages pages of the VM
     * @param mostPages the most pages in all runs together
     * @throws PeerException if it was damaged, or a number is out of range; nothing of the list is to be used then
     */
    public void receive(FrameSocket socket, long vmPages, long mostPages) throws IOException {
        clear();
        int expected = socket.checkCount(0, MAX_RUNS);
        socket.checkLength(bytes(expected), Integer.MAX_VALUE);
        if (expected > 0) {
            socket.socket().receive(block.address(), bytes(expected));
            checksum.require(socket, expected * RUN_BYTES);
        }
        for (int run = 0; run < expected; run++) {
            long first = first(run);
            long count = count(run);
            if (count == 0 || first + count > vmPages) {
                throw socket.bad("a run of " + count + " pages at " + first + " of a VM that has " + vmPages);
            }
            pages += count;
        }
        if (pages > mostPages) {
            throw socket.bad(pages + " pages, at most " + mostPages + " are allowed");
        }
        runs = expected;
    }
}
