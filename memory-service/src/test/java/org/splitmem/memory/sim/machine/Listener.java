package org.splitmem.memory.sim.machine;

import java.util.ArrayDeque;

/** A socket that others connect to. */
final class Listener extends OpenFile {
    private final SimProcess process;
    private final String address;
    private final Kernel kernel;
    private final ArrayDeque<Stream> backlog = new ArrayDeque<>();
    private final WaitQueue accepting = new WaitQueue();
    private boolean shut;

    Listener(SimProcess process, String address, Kernel kernel) {
        this.process = process;
        this.address = address;
        this.kernel = kernel;
    }

    SimProcess process() {
        return process;
    }

    boolean isOpen() {
        return !shut;
    }

    void offer(Stream stream) {
        backlog.add(stream);
        accepting.wakeOne();
    }

    /** @return null once it is shut down */
    Stream accept() {
        while (backlog.isEmpty() && !shut) {
            kernel.scheduler().await(accepting, Long.MAX_VALUE);
        }
        return shut ? null : backlog.poll();
    }

    void shutdown() {
        shut = true;
        accepting.wakeAll();
        kernel.network().unbind(address, this);
        backlog.forEach(stream -> stream.fail(Errors.ECONNRESET));
        backlog.clear();
    }

    @Override
    void closed() {
        shutdown();
    }
}
