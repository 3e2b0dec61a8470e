package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.wire.RunList;
import org.splitmem.model.Handover;

/**
 * The last scan, while the vCPUs are stopped: chunk by chunk, and first those that the destination's guest waits for, each
 * chunk's dirty set is told to the destination, which answers faults in it from then on.
 *
 * <p>In several threads, each with a chunk of its own at a time; the frames of a chunk are sent together. Where pages are that
 * were sent before is known there already: every round ends with that, also one that was cut short.
 */
final class SwitchOver {
    private static final Logger log = LoggerFactory.getLogger(SwitchOver.class);
    /** With more the sending is what takes time. */
    private static final int MOST_THREADS = 16;
    /** How often pages are sent again that were damaged on their way, while the guest stands still. */
    private static final int MOST_AGAIN = 3;

    private final DirtyPages dirty;
    private final ControlLink control;
    private final RoundSender sender;
    private final int chunks;
    private final FaultPoints points;

    // Guarded by this.
    private final BitSet taken = new BitSet();
    private boolean failed;

    SwitchOver(DirtyPages dirty, ControlLink control, RoundSender sender, long pages, FaultPoints points) {
        this.points = points;
        this.dirty = dirty;
        this.control = control;
        this.sender = sender;
        this.chunks = ChunkSeal.chunksOf(pages);
    }

    /** @return pages found dirty by the last scan */
    long run(Handover handover) throws IOException {
        long startNs = System.nanoTime();
        boolean complete = handover == Handover.COMPLETE;
        long found = scanAll(!complete);
        if (complete) {
            sendAll();
        }
        control.sendAllTold();
        log.info("last scan: {} pages dirty, told after {} us", found, (System.nanoTime() - startNs) / 1_000);
        return found;
    }

    /** The first failure of a thread is this method's, once all of them have ended. */
    private long scanAll(boolean tell) throws IOException {
        int threads = Math.min(Math.min(Runtime.getRuntime().availableProcessors(), chunks), MOST_THREADS);
        List<Callable<Long>> parts = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            parts.add(() -> scanPart(tell));
        }
        ExecutorService pool = Executors.newFixedThreadPool(threads, task -> new Thread(task, "migration-last-scan"));
        try {
            long found = 0;
            for (Future<Long> part : pool.invokeAll(parts)) {
                found += part.get();
            }
            return found;
        } catch (ExecutionException e) {
            throw unwrapped(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted at the last scan", e);
        } finally {
            pool.shutdown();
        }
    }

    private static IOException unwrapped(ExecutionException e) {
        Throwable why = e.getCause();
        if (why instanceof Error error) {
            throw error;
        }
        if (why instanceof RuntimeException bug) {
            throw bug;
        }
        return why instanceof IOException io ? io : new IOException(e);
    }

    /** One thread's chunks. */
    private long scanPart(boolean tell) throws IOException {
        long found = 0;
        boolean whole = false;
        try {
            DirtyPages mine = dirty.forAnotherThread();
            RunList runs = new RunList();
            for (int chunk = take(); chunk < chunks; chunk = take()) {
                found += scan(mine, chunk);
                if (tell) {
                    control.sendDirty(mine, chunk, runs);
                    points.reached(FaultPoint.TOLD_DIRTY);
                }
            }
            whole = true;
        } finally {
            if (!whole) {
                fail();
            }
        }
        return found;
    }

    /** @return a chunk that is the caller's alone from now on, or {@link #chunks} if there is nothing more to do */
    private synchronized int take() {
        int chunk = failed ? chunks : control.takeWanted();
        while (chunk >= 0 && chunk < chunks && taken.get(chunk)) {
            chunk = control.takeWanted();
        }
        if (chunk < 0) {
            chunk = taken.nextClearBit(0);
        }
        taken.set(chunk);
        return chunk;
    }

    private synchronized void fail() {
        failed = true;
    }

    private static long scan(DirtyPages dirty, int chunk) throws IOException {
        try {
            return dirty.scanLast(chunk);
        } catch (LinuxException e) {
            log.warn("chunk {} cannot be scanned, all of it counts as written: {}", chunk, e.getMessage());
            return dirty.markAll(chunk);
        }
    }

    private void sendAll() throws IOException {
        sender.send(sender.groups(), () -> false, sent -> {});
        for (int again = 0; again < MOST_AGAIN && sender.againPages() > 0; again++) {
            sender.send(sender.groups(), () -> false, sent -> {});
        }
        boolean all = sender.againPages() == 0;
        dirty.announce(control.socket());
        RunList runs = new RunList();
        for (int chunk = 0; chunk < chunks; chunk++) {
            if (all) {
                control.sendClean(chunk);
            } else { // the destination asks for what was damaged each time
                control.sendDirty(dirty, chunk, runs);
            }
            points.reached(FaultPoint.TOLD_DIRTY);
        }
    }
}
