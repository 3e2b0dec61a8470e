package org.splitmem.events.cloud;

/** How an event is laid out in a Kafka message. */
public enum ContentMode {
    /** Attributes as headers {@code ce_...}, the data alone as value. */
    BINARY,
    /** Everything as one JSON object. */
    STRUCTURED
}
