package org.splitmem.memory.thread;

import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does what waits for other hosts: for each host one task at a time, on a thread of its own, so that one that does not answer holds up
 * nothing that is for another. Any thread.
 */
public final class HostThreads {
    private static final Logger log = LoggerFactory.getLogger(HostThreads.class);

    private final Executor executor;
    private final Set<String> busy = new HashSet<>(); // guarded by itself

    /** @param name of the threads */
    public HostThreads(String name) {
        this(task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            thread.start();
        });
    }

    /** @param executor runs the tasks */
    public HostThreads(Executor executor) {
        this.executor = executor;
    }

    /** Begins a task, unless the host's last one goes on. */
    public void begin(String host, Runnable task) {
        synchronized (busy) {
            if (!busy.add(host)) {
                return;
            }
        }
        boolean begun = false;
        try {
            executor.execute(() -> run(host, task));
            begun = true;
        } finally {
            if (!begun) { // no thread can be had
                end(host);
            }
        }
    }

    private void run(String host, Runnable task) {
        try {
            task.run();
        } catch (RuntimeException e) {
            log.error("what is to be done with {} failed", host, e);
        } finally {
            end(host);
        }
    }

    private void end(String host) {
        synchronized (busy) {
            busy.remove(host);
        }
    }
}
