package org.splitmem.memory.vm;

/** Whether pages are to come back to a VM because its budget has grown. Any thread. */
final class Pull {
    // Guarded by this.
    private boolean on;
    private long turn;

    /** The budget has changed. */
    synchronized void set(boolean grows) {
        on = grows;
        turn++;
    }

    synchronized boolean isOn() {
        return on;
    }

    /** Changes of the budget until now. */
    synchronized long turn() {
        return turn;
    }

    /** What had room is here, as was found at this turn: if there was another since, that one decides. */
    synchronized void end(long at) {
        on &= turn != at;
    }
}
