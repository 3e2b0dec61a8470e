package org.splitmem.memory.stream;

import java.io.IOException;
import org.splitmem.memory.guest.CutShortException;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.PageCopies;
import org.splitmem.memory.linux.IoVector;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.RunList;

/**
 * Sends PAGES frames: pages of the RAM files, and before them the checksum of each. Pages are read first, some at a time, and what was read
 * is looked at, summed and sent: a QEMU that cuts its file short meanwhile, or a guest that writes, changes nothing of that. Confined to one
 * thread; allocates nothing per frame.
 */
public final class PagesFrame {
    /** Pages of a stream's frame: few enough that they are in the processor's cache still when the kernel copies them again. */
    static final int OF_STREAM = 64;

    /** Pages of a frame that pages out: each VM has one for each of its sub-hosts. */
    public static final int OF_PAGE_OUT = 16;

    private static final int BEFORE_PAGES = 3; // ranges

    private final int part;
    private final PageCopies copies;
    private final IoVector vector;
    private final NativeBlock checksums;
    private final RunList chosen = new RunList();
    private final int[] places; // of the copies of the chosen pages

    private RunList runs = chosen;
    private int run;
    private long done; // pages of the run

    /** Says which pages are sent. */
    public interface Choice {
        Choice ALL = (page, isZero) -> true;

        /**
         * Asked of each page after it was read.
         *
         * @param isZero whether all of what was read is zero
         * @return true if that is to be sent
         */
        boolean isSent(long page, boolean isZero);
    }

    /**
     * The memory must outlive this object.
     *
     * @param part most pages of a frame, which this keeps room for
     */
    public PagesFrame(GuestMemory memory, int part) {
        this.part = part;
        this.copies = new PageCopies(memory, part);
        this.vector = new IoVector(BEFORE_PAGES + part);
        this.checksums = new NativeBlock(part * Integer.BYTES);
        this.places = new int[part];
    }

    /** Begins with pages that are in the files. The list must not change until {@link #read} has answered false. */
    public void begin(RunList pages) {
        runs = pages;
        run = 0;
        done = 0;
    }

    /**
     * Reads the next pages.
     *
     * @return false if there are none; else {@link #send} sends what was chosen of them, perhaps none
     * @throws CutShortException if QEMU has cut its file short
     */
    public boolean read(Choice choice) throws IOException {
        chosen.clear();
        int at = 0;
        while (at < part && run < runs.runs()) {
            long page = runs.first(run) + done;
            int count = (int) Math.min(runs.count(run) - done, part - at);
            copies.read(at, page, count);
            for (int i = 0; i < count; i++) {
                choose(choice, at + i, page + i);
            }
            at += count;
            done += count;
            if (done == runs.count(run)) {
                run++;
                done = 0;
            }
        }
        return at > 0;
    }

    private void choose(Choice choice, int place, long page) {
        if (choice.isSent(page, copies.isZero(place))) {
            int index = (int) chosen.pages();
            places[index] = place;
            checksums.putInt(index * Integer.BYTES, copies.checksum(place, page));
            chosen.add(page);
        }
    }

    /** Pages chosen by the last {@link #read}. */
    public long pages() {
        return chosen.pages();
    }

    /** Sends the pages chosen; they may still be on their way when this returns. */
    public void send(FrameSocket socket) throws IOException {
        int count = (int) chosen.pages();
        if (count == 0) {
            return;
        }
        int sums = count * Integer.BYTES;
        int length = chosen.bytes() + sums + count * Pages.SIZE;
        vector.clear();
        vector.add(socket.header(FrameType.PAGES, 0, chosen.runs(), length, 0), FrameSocket.HEADER_BYTES);
        vector.add(chosen.sealed(), chosen.bytes());
        vector.add(checksums.address(), sums);
        for (int i = 0; i < count; ) {
            int first = i++;
            while (i < count && places[i] == places[i - 1] + 1) {
                i++;
            }
            vector.add(copies.address(places[first]), Pages.toBytes(i - first));
        }
        socket.socket().sendAll(vector);
    }
}
