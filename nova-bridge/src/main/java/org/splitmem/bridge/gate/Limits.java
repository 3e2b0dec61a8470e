package org.splitmem.bridge.gate;

import java.time.Duration;

/**
 * How long clients may take, and how much one of them may have at once.
 *
 * @param idle from the connection's start, or the end of an answer, to the end of the next request's headers
 * @param body from a request's headers to the end of its body, however steadily its bytes come
 * @param answer for the client to read an answer of moderate size; large ones have longer
 * @param request from a request's headers to its answer; callers may ask for less
 * @param connections at most so many on a listener; one more costs the one that has been idle longest
 * @param projectRequests of a project that are worked on, or whose body is being read
 * @param projectConnections that a project uses
 * @param tenantThreads that work on the requests of all projects together
 */
public record Limits(
        Duration idle,
        Duration body,
        Duration answer,
        Duration request,
        int connections,
        int projectRequests,
        int projectConnections,
        int tenantThreads) {
    /** A Keystone token is about 250 bytes; this leaves room for what proxies add. */
    static final int HEADER_BYTES = 16 * 1024;

    static final int BODY_BYTES = 1 << 20;

    /** Below this rate a client is not reading, whatever the size of its answer. */
    static final int SLOWEST_READER_BYTES_PER_SECOND = 64 * 1024;

    public static final Limits DEFAULT = new Limits(
            Duration.ofSeconds(30),
            Duration.ofSeconds(20),
            Duration.ofSeconds(30),
            Duration.ofSeconds(80),
            10_000,
            8,
            64,
            16);

    long answerMs(int bytes) {
        return answer.toMillis() + bytes * 1000L / SLOWEST_READER_BYTES_PER_SECOND;
    }
}
