package org.splitmem.memory.stream;

import java.io.IOException;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RunList;

/** Asks whether everything that was sent is stored. Confined to one thread. */
public final class Flushes {
    private final long vmPages;
    private final RunList damaged = new RunList();
    private int sequence;

    public Flushes(long vmPages) {
        this.vmPages = vmPages;
    }

    /** What becomes of pages that are not stored. */
    public interface Damaged {
        /** This page has arrived with a wrong checksum: it was damaged on its way, or written while it was sent. Called in any order. */
        void page(long page) throws IOException;
    }

    /** Returns when the peer has stored everything sent before, but for the pages that are told. */
    public void flush(FrameSocket socket, Damaged again) throws IOException {
        int expected = ++sequence;
        socket.send(FrameType.FLUSH, 0, 0, expected);
        long told = 0;
        while (true) {
            if (!socket.receive()) {
                throw new PeerException(
                        ErrorCode.INTERNAL, socket.peer() + " closed the connection before it had stored all");
            }
            if (socket.type() != FrameType.DAMAGED) {
                break;
            }
            damaged.receive(socket, vmPages, ReceivedPages.MOST_UNFLUSHED - told);
            socket.checkCount(1, RunList.MAX_RUNS);
            socket.checkLength(damaged.bytes(), damaged.bytes());
            told += damaged.pages();
            tell(again);
        }
        if (socket.type() != FrameType.FLUSHED || socket.value() != expected) {
            throw socket.bad("no FLUSHED " + expected);
        }
    }

    private void tell(Damaged again) throws IOException {
        for (int run = 0; run < damaged.runs(); run++) {
            for (long page = damaged.first(run); page < damaged.first(run) + damaged.count(run); page++) {
                again.page(page);
            }
        }
    }
}
