package org.splitmem.memory.sim.machine;

/** Ends a thread of a process that was killed: no code of the product's catches it, and whatever its finally blocks try throws it again. */
public final class Killed extends Error {
    private static final long serialVersionUID = 1L;

    Killed(String process) {
        super(process + " was killed", null, false, false);
    }
}
