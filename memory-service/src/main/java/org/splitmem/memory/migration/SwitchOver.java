package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.BitSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.model.Handover;

/**
 * The last scan, while the vCPUs are stopped: chunk by chunk, and first those that the destination's guest waits for, each
 * chunk's dirty set is told to the destination, which answers faults in it from then on.
 */
final class SwitchOver {
    private static final Logger log = LoggerFactory.getLogger(SwitchOver.class);

    private final DirtyPages dirty;
    private final ControlLink control;
    private final RoundSender sender;
    private final long pages;
    private final FaultPoints points;
    private final BitSet done = new BitSet();

    SwitchOver(DirtyPages dirty, ControlLink control, RoundSender sender, long pages, FaultPoints points) {
        this.points = points;
        this.dirty = dirty;
        this.control = control;
        this.sender = sender;
        this.pages = pages;
    }

    /** @return pages found dirty by the last scan */
    long run(Handover handover) throws IOException {
        dirty.announce(control.socket()); // of a round that was cut short
        long found = handover == Handover.COMPLETE ? complete() : hybrid();
        control.sendAllTold();
        return found;
    }

    private long hybrid() throws IOException {
        long found = 0;
        int chunks = ChunkSeal.chunksOf(pages);
        for (int next = 0; next < chunks; next++) {
            int wanted;
            while ((wanted = control.takeWanted()) >= 0) {
                found += tell(wanted);
            }
            found += tell(next);
        }
        return found;
    }

    private long tell(int chunk) throws IOException {
        if (done.get(chunk)) {
            return 0;
        }
        long found = scan(chunk);
        control.sendDirty(dirty, chunk);
        points.reached(FaultPoint.TOLD_DIRTY);
        done.set(chunk);
        return found;
    }

    private long complete() throws IOException {
        long found = 0;
        for (int chunk = 0; chunk < ChunkSeal.chunksOf(pages); chunk++) {
            found += scan(chunk);
        }
        sender.send(sender.groups(), () -> false, sent -> {});
        dirty.announce(control.socket());
        for (int chunk = 0; chunk < ChunkSeal.chunksOf(pages); chunk++) {
            control.sendClean(chunk);
            points.reached(FaultPoint.TOLD_DIRTY);
        }
        return found;
    }

    private long scan(int chunk) throws IOException {
        long first = ChunkSeal.firstPage(chunk);
        long length = ChunkSeal.length(chunk, pages);
        try {
            return dirty.scan(first, length);
        } catch (LinuxException e) {
            log.warn("chunk {} cannot be scanned, all of it counts as written: {}", chunk, e.getMessage());
            return dirty.markAll(first, length);
        }
    }
}
