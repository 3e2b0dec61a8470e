package org.splitmem.memory.migration;

import java.util.ArrayList;
import java.util.List;
import java.util.NavigableSet;
import java.util.TreeSet;
import org.splitmem.memory.dirty.WriteLog;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.linux.LinuxException;

/** What a guest wrote, as a test says. Its logs may be used by several threads once all is written. */
final class Writes implements WriteLog {
    /** Something that happens when a chunk is looked at. */
    interface Event {
        void at(int chunk) throws LinuxException;
    }

    private final NavigableSet<Long> written = new TreeSet<>();
    private final List<Boolean> rearmed = new ArrayList<>();
    private Event event = chunk -> {};

    Writes of(long... pages) {
        for (long page : pages) {
            written.add(page);
        }
        return this;
    }

    Writes before(Event each) {
        event = each;
        return this;
    }

    @Override
    public void scan(long page, long count, boolean rearm, RunConsumer consumer) throws LinuxException {
        event.at(ChunkSeal.chunkOf(page));
        synchronized (rearmed) {
            rearmed.add(rearm);
        }
        for (long each : written.subSet(page, page + count)) {
            consumer.accept(each, 1);
        }
    }

    /** For each scan whether it armed the pages again. */
    List<Boolean> rearmed() {
        synchronized (rearmed) {
            return List.copyOf(rearmed);
        }
    }
}
