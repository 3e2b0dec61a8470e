package org.splitmem.memory.stream;

import java.io.IOException;
import java.util.Arrays;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Windows;
import org.splitmem.memory.page.PageChecksum;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.RunList;

/**
 * Receives PAGES frames. A page whose checksum is wrong was damaged on its way, or written while it was sent: it is not taken, and the
 * next FLUSH is answered with it, so that its sender knows that it is not here. Confined to its connection's thread; allocates nothing per
 * frame, but where pages are damaged.
 *
 * <p>A frame is received piece by piece into one buffer, which stays in the processor's cache, and goes to its file from there: a page that is
 * written whole is neither zeroed nor mapped first, which costs a third less than receiving into the mapping. The buffer is small, as there
 * is one for each connection, and a host has thousands; unless it has pieces for a taker that works on one while the next is received.
 */
public final class ReceivedPages {
    /** A sender that has sent so many pages without a FLUSH between them breaks the protocol if all of them are damaged. */
    static final int MOST_UNFLUSHED = 65_536;

    private static final int SOME = 64;
    /** 32 KiB: 4,096 connections at once fit the direct memory that a JVM allows by default. 2 MiB would be no faster. */
    static final int PIECE_PAGES = 8;

    private final RunList runs = new RunList();
    private final NativeBlock checksums = new NativeBlock(RunList.MAX_PAGES * Integer.BYTES);
    private final int pieces;
    private final Reuse reuse;
    private final NativeBlock buffer;
    private final Windows windows;
    /** Those of the pages in the buffer. */
    private final NativeBlock sums;

    private int piece;
    /** Index in the frame of the piece's first page. */
    private int pieceStart;

    private int pieceEnd;
    private int[] damaged = {};
    private int damagedPages;

    /** Where pages go that are whole. */
    public interface Taker {
        /** Takes a run of pages; {@code address} is that of its bytes, good during the call. */
        void take(long address, long page, long count) throws IOException;
    }

    /** For a taker that goes on with pages after it has returned: there are several pieces then, which are used in turn. */
    public interface Reuse {
        /** All whole pages of a piece have been given to the taker. */
        void given(int piece);

        /** Returns once the taker needs a piece no more. @throws IOException if it will not come to that */
        void awaitTaken(int piece) throws IOException;
    }

    private static final Reuse AT_ONCE = new Reuse() {
        @Override
        public void given(int piece) {}

        @Override
        public void awaitTaken(int piece) {}
    };

    /** For a taker that needs pages no more when it returns. */
    public ReceivedPages() {
        this(1, AT_ONCE);
    }

    public ReceivedPages(int pieces, Reuse reuse) {
        this.pieces = pieces;
        this.reuse = reuse;
        this.buffer = new NativeBlock(pieces * PIECE_PAGES * Pages.SIZE);
        this.windows = new Windows(buffer.address(), buffer.size());
        this.sums = new NativeBlock(pieces * PIECE_PAGES * Integer.BYTES);
    }

    /** Receives what comes before the pages of the frame just read. @return their runs */
    public RunList receiveHead(FrameSocket socket, long vmPages) throws IOException {
        runs.receive(socket, vmPages, RunList.MAX_PAGES);
        long sums = runs.pages() * Integer.BYTES;
        int length = Math.toIntExact(runs.bytes() + sums + Pages.toBytes(runs.pages()));
        socket.checkLength(length, length);
        socket.socket().receive(checksums.address(), sums);
        return runs;
    }

    /** Receives the pages, and has those taken that are whole. */
    public void receivePages(FrameSocket socket, Taker taker) throws IOException {
        pieceStart = 0;
        pieceEnd = 0;
        int index = 0;
        for (int run = 0; run < runs.runs(); run++) {
            long end = runs.first(run) + runs.count(run);
            long page = runs.first(run);
            while (page < end) {
                if (index == pieceEnd) {
                    receivePiece(socket);
                }
                int count = (int) Math.min(end - page, pieceEnd - index);
                takeWhole(socket, taker, page, count, index);
                page += count;
                index += count;
                if (index == pieceEnd) {
                    reuse.given(piece);
                }
            }
        }
    }

    private void receivePiece(FrameSocket socket) throws IOException {
        piece = (piece + 1) % pieces;
        reuse.awaitTaken(piece);
        int count = (int) Math.min(PIECE_PAGES, runs.pages() - pieceEnd);
        socket.socket().receive(buffer.address() + Pages.toBytes(firstOfPiece()), Pages.toBytes(count));
        pieceStart = pieceEnd;
        pieceEnd += count;
        for (int i = 0; i < count; i++) {
            sums.putInt((firstOfPiece() + i) * Integer.BYTES, checksums.getInt((pieceStart + i) * Integer.BYTES));
        }
    }

    /** Index in the buffer. */
    private int firstOfPiece() {
        return piece * PIECE_PAGES;
    }

    /** @param first of these pages of one run, which are in the piece, and at {@code index} of the frame */
    private void takeWhole(FrameSocket socket, Taker taker, long first, int count, int index) throws IOException {
        long whole = first;
        for (int i = 0; i < count; i++) {
            if (!isWhole(index + i, first + i)) {
                take(taker, whole, first + i, index + i);
                whole = first + i + 1;
                addDamaged(socket, first + i);
            }
        }
        take(taker, whole, first + count, index + count);
    }

    private boolean isWhole(int index, long page) {
        int at = firstOfPiece() + index - pieceStart;
        int crc32c = windows.crc32c(Pages.toBytes(at), Pages.SIZE);
        return PageChecksum.of(crc32c, page) == sums.getInt(at * Integer.BYTES);
    }

    /** @param index in the frame of the page {@code end} */
    private void take(Taker taker, long first, long end, int index) throws IOException {
        if (first < end) {
            long at = firstOfPiece() + index - pieceStart - (end - first);
            taker.take(buffer.address() + Pages.toBytes(at), first, end - first);
        }
    }

    private void addDamaged(FrameSocket socket, long page) throws IOException {
        if (damagedPages == MOST_UNFLUSHED) {
            throw socket.bad(damagedPages + " damaged pages since the last FLUSH");
        }
        if (damagedPages == damaged.length) {
            damaged = Arrays.copyOf(damaged, Math.max(SOME, 2 * damaged.length));
        }
        damaged[damagedPages++] = (int) page;
    }

    /**
     * Where the checksums are that came with a run of pages of a piece, for as long as its pages are there. Any thread.
     *
     * @param address of the run, as {@link Taker#take} gives it
     */
    public long checksumsOf(long address) {
        return sums.address() + Pages.fromBytes(address - buffer.address()) * Integer.BYTES;
    }

    /** For a receiver that asks again itself for what did not come. @return pages that were damaged since this was last called */
    public int forgetDamaged() {
        int count = damagedPages;
        damagedPages = 0;
        return count;
    }

    /** Answers the FLUSH just read: everything before it is stored, but for what this says. */
    public void answerFlush(FrameSocket socket) throws IOException {
        int value = socket.value();
        runs.clear();
        for (int i = 0; i < damagedPages; i++) {
            if (runs.isFull()) {
                runs.sendAs(FrameType.DAMAGED, socket, 0, 0);
                runs.clear();
            }
            runs.add(damaged[i]);
        }
        damagedPages = 0;
        if (!runs.isEmpty()) {
            runs.sendAs(FrameType.DAMAGED, socket, 0, 0);
        }
        socket.send(FrameType.FLUSHED, 0, 0, value);
    }
}
