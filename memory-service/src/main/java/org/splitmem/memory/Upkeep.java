package org.splitmem.memory;

import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.thread.EssentialThread;
import org.splitmem.memory.thread.Trouble;

/** What has to be done now and then, on a thread of its own: a task that fails is tried again in the next round, and holds up no other. */
final class Upkeep {
    private static final Logger log = LoggerFactory.getLogger(Upkeep.class);

    private final List<Task> tasks;
    private final long everyMs;
    private final CountDownLatch asked;
    private final EssentialThread thread = new EssentialThread("upkeep", "upkeep", this::round);

    /** One thing that has to be done. */
    static final class Task {
        private static final long TROUBLE_NS = 5_000_000_000L;
        private final String name;
        private final Runnable work;
        private final Trouble trouble = new Trouble(TROUBLE_NS);

        /** @param name as a noun */
        Task(String name, Runnable work) {
            this.name = name;
            this.work = work;
        }

        private void run() {
            try {
                work.run();
            } catch (RuntimeException | OutOfMemoryError e) {
                if (trouble.isNews("upkeep of " + name + " fails: " + e)) {
                    log.error("upkeep of {} fails, and is tried again", name, e);
                }
            }
        }

        private @Nullable String trouble() {
            return trouble.now();
        }
    }

    /** @param asked falls to zero when it is to end */
    Upkeep(List<Task> tasks, long everyMs, CountDownLatch asked) {
        this.tasks = List.copyOf(tasks);
        this.everyMs = everyMs;
        this.asked = asked;
    }

    void start() {
        thread.start();
    }

    private boolean round() {
        try {
            if (asked.await(everyMs, TimeUnit.MILLISECONDS)) {
                return false;
            }
        } catch (InterruptedException e) {
            return false; // no one does that
        }
        tasks.forEach(Task::run);
        return true;
    }

    /** @return false if its round has not ended within that time: a task waits for a disk, or a peer, and the daemon ends all the same */
    boolean join(long limitMs) throws InterruptedException {
        boolean isOver = thread.join(limitMs);
        if (!isOver) {
            log.warn(
                    "upkeep has not ended within {} ms; splitmemd ends without it: look for a disk or a host that hangs",
                    limitMs);
        }
        return isOver;
    }

    List<String> troubles() {
        return tasks.stream().map(Task::trouble).filter(Objects::nonNull).toList();
    }
}
