package org.splitmem.events.publish;

import java.util.List;
import org.splitmem.events.Event;

/** Where events go. One thread sends; any may close, which ends a send under way. */
public interface EventSink extends AutoCloseable {
    /** What became of an event. */
    enum Fate {
        /** The broker has it, on as many replicas as it asks for. */
        SENT,
        /** It may or may not have arrived: to be sent again. */
        UNKNOWN,
        /** It can never be sent. */
        REFUSED
    }

    /**
     * Sends some events and waits, for a limited time, until it is known what became of them. Does not throw.
     *
     * @param events each of another key
     * @return for each what became of it
     */
    List<Fate> send(List<Event> events);

    @Override
    void close();
}
