package org.splitmem.events.publish;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.events.Event;
import org.splitmem.events.cloud.CloudJson;
import org.splitmem.events.publish.EventSink.Fate;
import org.splitmem.events.spool.Spool;
import org.splitmem.events.spool.Spool.LaneName;
import org.splitmem.events.spool.SpoolRecord;
import org.splitmem.model.InvalidJsonException;

/**
 * Sends one lane of the spool. An event of a key is sent only when the broker has acknowledged the one before it: whatever fails and is
 * sent again, no event of a VM overtakes another. Used by the sending thread.
 */
final class Outbox {
    private static final Logger log = LoggerFactory.getLogger(Outbox.class);
    private static final int MOST = 256;

    private final Spool spool;
    private final LaneName lane;
    private final EventSink sink;
    private final PublisherMetrics metrics;
    private final Deque<SpoolRecord> polled = new ArrayDeque<>();
    private final List<SpoolRecord> pending = new ArrayList<>();
    private long doneBelow;

    /** What a step came to. */
    enum Step {
        NOTHING_TO_DO,
        DONE,
        /** Some got through, others are to be tried again. */
        PARTLY,
        FAILED
    }

    Outbox(Spool spool, LaneName lane, EventSink sink, PublisherMetrics metrics) {
        this.spool = spool;
        this.lane = lane;
        this.sink = sink;
        this.metrics = metrics;
    }

    Step step() throws IOException {
        if (pending.isEmpty() && !next()) {
            return Step.NOTHING_TO_DO;
        }
        int before = pending.size();
        // Dropped since the last try, and counted as that.
        pending.removeIf(record -> record.sequence() < spool.droppedBelow(lane));
        Map<String, Long> told = new HashMap<>();
        List<SpoolRecord> tried = new ArrayList<>();
        List<Event> events = new ArrayList<>();
        for (SpoolRecord record : List.copyOf(pending)) {
            decode(record, told, tried, events);
        }
        if (!events.isEmpty()) {
            sendOnce(tried, events, told);
        }
        if (!pending.isEmpty()) {
            return pending.size() < before ? Step.PARTLY : Step.FAILED;
        }
        spool.acknowledge(lane, doneBelow);
        return Step.DONE;
    }

    /** Fills pending with the next events, up to the first whose key is among them already. @return false if there are none */
    private boolean next() throws IOException {
        if (polled.isEmpty()) {
            polled.addAll(spool.poll(lane, MOST));
        }
        Set<String> keys = new HashSet<>();
        while (!polled.isEmpty() && keys.add(polled.getFirst().key())) {
            SpoolRecord record = polled.removeFirst();
            pending.add(record);
            doneBelow = record.sequence() + 1;
        }
        return !pending.isEmpty();
    }

    private void decode(SpoolRecord record, Map<String, Long> told, List<SpoolRecord> tried, List<Event> events) {
        try {
            Event event = CloudJson.readText(record.payload());
            long dropped = lane == LaneName.SAMPLES ? spool.dropped(lane, record.key()) : 0;
            if (dropped > 0) {
                told.put(record.key(), dropped);
                event = event.withDropped(dropped);
            }
            tried.add(record);
            events.add(event);
        } catch (InvalidJsonException e) {
            log.error("record {} of the spool is no event: {}", record.sequence(), e.getMessage());
            metrics.refused().increment();
            pending.remove(record);
        }
    }

    private void sendOnce(List<SpoolRecord> tried, List<Event> events, Map<String, Long> told) throws IOException {
        List<Fate> fates = sink.send(events);
        Map<String, Long> through = new HashMap<>();
        for (int i = 0; i < tried.size(); i++) {
            SpoolRecord record = tried.get(i);
            Fate fate = fates.get(i);
            if (fate == Fate.UNKNOWN) {
                continue;
            }
            pending.remove(record);
            if (fate == Fate.REFUSED) {
                metrics.refused().increment();
                continue;
            }
            metrics.sent(events.get(i).topic()).increment();
            long spoken = told.getOrDefault(record.key(), 0L);
            boolean droppedMeanwhile = record.sequence() < spool.droppedBelow(lane);
            through.merge(record.key(), spoken + (droppedMeanwhile ? 1 : 0), Long::sum);
        }
        through.values().removeIf(n -> n == 0);
        if (!through.isEmpty()) {
            spool.told(lane, through);
        }
    }
}
