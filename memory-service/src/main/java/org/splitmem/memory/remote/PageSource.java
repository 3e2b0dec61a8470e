package org.splitmem.memory.remote;

/** Where pages can be asked for. Any thread. */
public interface PageSource {
    /**
     * Asks for a page, which then arrives in a {@link PageSink}. Never waits.
     *
     * @param nowNs {@link System#nanoTime}; or what says that nobody waits for it
     */
    void request(long page, long nowNs);

    /** Whether a page may be asked for that nobody waits for: the guest's requests come first. */
    boolean hasRoomToSpare();
}
