package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.stream.BulkSender;
import org.splitmem.memory.stream.RateLimiter;
import org.splitmem.memory.wire.Hello;

/** The parallel streams to one destination: the main host, or a sub-host. */
final class StreamGroup implements AutoCloseable {
    private final int index;
    private final Endpoint endpoint;
    private final List<BulkSender> senders = new CopyOnWriteArrayList<>(); // an abort comes from another thread
    /** The next chunk that no worker of this group has taken. */
    private final AtomicLong cursor = new AtomicLong();

    private volatile boolean aborted;

    /** @param index of the sub-host in page table entries, or {@link PagePlan#MAIN} */
    StreamGroup(int index, Endpoint endpoint) {
        this.index = index;
        this.endpoint = endpoint;
    }

    /** Opens the connections. @throws IOException also if it was aborted */
    void open(int streams, GuestMemory memory, RateLimiter limiter) throws IOException {
        for (int i = 0; i < streams; i++) {
            senders.add(new BulkSender(endpoint.connect(Hello.Role.STREAM), memory, limiter));
            if (aborted) { // perhaps before this one could be seen
                throw new IOException("the streams to " + host() + " are aborted");
            }
        }
    }

    int index() {
        return index;
    }

    String host() {
        return endpoint.host();
    }

    List<BulkSender> senders() {
        return senders;
    }

    void rewind() {
        cursor.set(0);
    }

    long nextChunk(long pages) {
        return cursor.getAndAdd(pages);
    }

    /** Ends all streams, and those that are yet to open. Any thread, any time. */
    void abort() {
        aborted = true;
        senders.forEach(BulkSender::abort);
    }

    @Override
    public void close() {
        senders.forEach(BulkSender::close);
    }
}
