package org.splitmem.memory.home;

import java.io.IOException;
import java.util.function.LongConsumer;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.remote.PageInClient;
import org.splitmem.memory.remote.PageOutClient;
import org.splitmem.memory.remote.PageSink;
import org.splitmem.memory.stream.Flushes;
import org.splitmem.memory.wire.RunList;

/** One memory server: its pages are lost with it. */
public final class OneServer implements Home {
    private final PageInClient ins;
    private final PageOutClient outs;

    /** Where pages arrive. */
    public interface Sinks {
        /** @param stale told of each page that has arrived: what the home keeps of it is stale then */
        PageSink make(LongConsumer stale);
    }

    public OneServer(Endpoint endpoint, GuestMemory memory, Sinks sinks) {
        this.outs = new PageOutClient(endpoint, memory);
        this.ins = new PageInClient(endpoint, sinks.make(outs::drop));
    }

    @Override
    public void start() {
        ins.start();
    }

    @Override
    public Endpoint endpoint() {
        return outs.endpoint();
    }

    @Override
    public void request(long page, long nowNs) {
        ins.request(page, nowNs);
    }

    @Override
    public boolean hasRoomToSpare() {
        return ins.hasRoomToSpare();
    }

    @Override
    public void store(RunList runs, Flushes.Damaged damaged) throws IOException {
        outs.store(runs, damaged);
    }

    @Override
    public void drop(long page) {
        outs.drop(page);
    }

    @Override
    public boolean hasDrops() {
        return outs.hasDrops();
    }

    @Override
    public void flushDrops() throws IOException {
        outs.flushDrops();
    }

    @Override
    public void dropNow(RunList stale) throws IOException {
        outs.dropNow(stale);
    }

    @Override
    public boolean mayHoldStale() {
        return outs.mayHoldStale();
    }

    @Override
    public void suspectStale() {
        outs.suspectStale();
    }

    @Override
    public long reconcile(LongPredicate stale) throws IOException {
        return outs.reconcile(stale);
    }

    @Override
    public void adopt(long epoch) throws IOException {
        outs.adopt(epoch);
    }

    @Override
    public void interrupt() {
        outs.interrupt();
    }

    @Override
    public @Nullable String trouble() {
        return ins.trouble();
    }

    @Override
    public void close() {
        outs.close();
        ins.close();
    }
}
