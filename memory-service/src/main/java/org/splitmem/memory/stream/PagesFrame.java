package org.splitmem.memory.stream;

import java.io.IOException;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.PageViews;
import org.splitmem.memory.linux.IoVector;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.RunList;

/**
 * Sends PAGES frames: pages of the RAM files, and before them the checksum of each. The checksums are made from the files before the kernel
 * sends what is there: a page that the guest writes in between arrives with a wrong one, and is reported like one that was damaged on its
 * way. Confined to one thread; allocates nothing per frame.
 */
public final class PagesFrame {
    /** Runs at least this long on average go by sendfile, which copies nothing; shorter ones by one gathering call. */
    private static final long SENDFILE_FROM_PAGES = 16;

    private final GuestMemory memory;
    private final PageViews views;
    private final IoVector vector = new IoVector();
    private final NativeBlock checksums = new NativeBlock(RunList.MAX_PAGES * Integer.BYTES);

    /** The memory must outlive this object. */
    public PagesFrame(GuestMemory memory) {
        this.memory = memory;
        this.views = new PageViews(memory);
    }

    /** Sends pages that are in the files; they may still be on their way when this returns. */
    public void send(FrameSocket socket, RunList runs) throws IOException {
        int sums = sum(runs);
        int length = Math.toIntExact(runs.bytes() + sums + Pages.toBytes(runs.pages()));
        if (runs.pages() >= runs.runs() * SENDFILE_FROM_PAGES) {
            sendFiles(socket, runs, sums, length);
        } else {
            gather(socket, runs, sums, length);
        }
    }

    /** @return bytes of all checksums */
    private int sum(RunList runs) {
        int at = 0;
        for (int run = 0; run < runs.runs(); run++) {
            for (long page = runs.first(run); page < runs.first(run) + runs.count(run); page++) {
                checksums.putInt(at, views.checksum(page));
                at += Integer.BYTES;
            }
        }
        return at;
    }

    private void sendFiles(FrameSocket socket, RunList runs, int sums, int length) throws IOException {
        socket.sendHeader(FrameType.PAGES, 0, runs.runs(), length, 0, true);
        socket.socket().send(runs.sealed(), runs.bytes(), true);
        socket.socket().send(checksums.address(), sums, true);
        for (int run = 0; run < runs.runs(); run++) {
            sendFile(socket, runs.first(run), runs.count(run));
        }
    }

    private void sendFile(FrameSocket socket, long page, long count) throws IOException {
        long at = page;
        while (at < page + count) {
            long end = memory.endOfPart(at, page + count);
            socket.socket()
                    .sendFile(memory.file(memory.backendOf(at)).fd(), memory.offset(at), Pages.toBytes(end - at));
            at = end;
        }
    }

    private void gather(FrameSocket socket, RunList runs, int sums, int length) throws IOException {
        vector.clear();
        vector.add(socket.header(FrameType.PAGES, 0, runs.runs(), length, 0), FrameSocket.HEADER_BYTES);
        vector.add(runs.sealed(), runs.bytes());
        vector.add(checksums.address(), sums);
        for (int run = 0; run < runs.runs(); run++) {
            memory.addTo(vector, runs.first(run), runs.count(run));
        }
        socket.socket().sendAll(vector);
    }
}
