package org.splitmem.memory.sim;

/** What goes wrong in a run, and when. */
final class Faults {
    boolean areOver() {
        return true;
    }
}
