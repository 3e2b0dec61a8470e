package org.splitmem.memory.thread;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What no thread has caught. An {@link Error} means that the JVM cannot be relied on: the daemon ends at once and is started again, which
 * guests survive. An exception, a fault of ours, ends one thread; /healthz says so until the daemon is started again.
 */
public final class LastResort implements Thread.UncaughtExceptionHandler {
    /** Of the process; as sysexits.h has it for a fault of the program. */
    static final int EXIT_SOFTWARE = 70;

    private static final Logger log = LoggerFactory.getLogger(LastResort.class);
    private static final int MOST = 16;

    private final List<String> dead = new CopyOnWriteArrayList<>();
    private final IntConsumer exit;

    public LastResort() {
        this(Runtime.getRuntime()::halt);
    }

    LastResort(IntConsumer exit) {
        this.exit = exit;
    }

    @Override
    public void uncaughtException(Thread thread, Throwable why) {
        if (why instanceof Error) {
            try {
                log.error("splitmemd ends, to be started again: its thread {} has met an error", thread.getName(), why);
            } finally {
                exit.accept(EXIT_SOFTWARE);
            }
            return;
        }
        log.error("thread {} has died", thread.getName(), why);
        if (dead.size() < MOST) {
            dead.add("thread " + thread.getName() + " has died: " + why);
        }
    }

    /** One line for each dead thread, the first {@value #MOST}. */
    public List<String> troubles() {
        return List.copyOf(dead);
    }
}
