package org.splitmem.events.publish;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.events.Event;
import org.splitmem.events.cloud.CloudJson;
import org.splitmem.events.publish.EventSink.Fate;
import org.splitmem.events.publish.Outbox.Lane;
import org.splitmem.events.publish.Outbox.Waiting;
import org.splitmem.model.InvalidJsonException;

/**
 * Sends one lane of the outbox. An event of a key is sent only when the broker has acknowledged the one before it: whatever fails and is
 * sent again, and whichever publisher sends it, no event of a VM overtakes another. Used by the sending thread.
 */
final class LaneSender {
    private static final Logger log = LoggerFactory.getLogger(LaneSender.class);
    private static final int MOST = 256;

    private final Outbox outbox;
    private final Lane lane;
    private final EventSink sink;
    private final PublisherMetrics metrics;
    private final Deque<Waiting> polled = new ArrayDeque<>();
    private final List<Waiting> pending = new ArrayList<>();
    /** What the broker has and the outbox does not say yet: never sent again by this publisher. */
    private final List<Long> unmarked = new ArrayList<>();

    private final Map<String, Long> unmarkedTold = new HashMap<>();
    private final List<Long> refused = new ArrayList<>();

    /** What a step came to. */
    enum Step {
        NOTHING_TO_DO,
        DONE,
        /** Some got through, others are to be tried again. */
        PARTLY,
        FAILED
    }

    LaneSender(Outbox outbox, Lane lane, EventSink sink, PublisherMetrics metrics) {
        this.outbox = outbox;
        this.lane = lane;
        this.sink = sink;
        this.metrics = metrics;
    }

    Step step() {
        mark(); // what the last step could not mark comes first, or it would be read, and sent, again
        if (pending.isEmpty() && !next()) {
            return Step.NOTHING_TO_DO;
        }
        int before = pending.size();
        sendOnce();
        mark();
        if (pending.isEmpty()) {
            return Step.DONE;
        }
        return pending.size() < before ? Step.PARTLY : Step.FAILED;
    }

    /** What was read may have been sent by another publisher, or dropped: the next step reads again. */
    void readAgain() {
        polled.clear();
        pending.clear();
    }

    /** Fills pending with the next events, up to the first whose key is among them already. @return false if there are none */
    private boolean next() {
        if (polled.isEmpty()) {
            polled.addAll(outbox.waiting(lane, MOST));
        }
        Set<String> keys = new HashSet<>();
        while (!polled.isEmpty() && keys.add(polled.getFirst().key())) {
            pending.add(polled.removeFirst());
        }
        return !pending.isEmpty();
    }

    private void sendOnce() {
        Map<String, Long> dropped = lane == Lane.SAMPLES
                ? outbox.dropped(pending.stream().map(Waiting::key).collect(Collectors.toSet()))
                : Map.of();
        List<Waiting> tried = new ArrayList<>();
        List<Event> events = new ArrayList<>();
        for (Waiting one : List.copyOf(pending)) {
            try {
                Event event = CloudJson.readText(one.json());
                long n = dropped.getOrDefault(one.key(), 0L);
                events.add(n > 0 ? event.withDropped(n) : event);
                tried.add(one);
            } catch (InvalidJsonException e) {
                log.error("row {} of the outbox is no event: {}", one.number(), e.getMessage());
                refuse(one);
            }
        }
        List<Fate> fates = events.isEmpty() ? List.of() : sink.send(events);
        for (int i = 0; i < fates.size(); i++) {
            Waiting one = tried.get(i);
            switch (fates.get(i)) {
                case SENT -> {
                    pending.remove(one);
                    unmarked.add(one.number());
                    long n = dropped.getOrDefault(one.key(), 0L);
                    if (n > 0) {
                        unmarkedTold.merge(one.key(), n, Long::sum);
                    }
                    metrics.sent(events.get(i).topic()).increment();
                }
                case REFUSED -> refuse(one);
                case UNKNOWN -> {}
            }
        }
    }

    private void refuse(Waiting one) {
        pending.remove(one);
        refused.add(one.number());
        metrics.refused().increment();
    }

    private void mark() {
        if (!unmarked.isEmpty()) {
            outbox.sent(unmarked, unmarkedTold);
            unmarked.clear();
            unmarkedTold.clear();
        }
        if (!refused.isEmpty()) {
            outbox.refused(refused);
            refused.clear();
        }
    }
}
