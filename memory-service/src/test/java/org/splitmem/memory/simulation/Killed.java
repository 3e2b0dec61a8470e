package org.splitmem.memory.simulation;

/** Ends a thread of a daemon that was killed: no code of the daemon's catches it. */
final class Killed extends Error {
    private static final long serialVersionUID = 1L;

    Killed(String host) {
        super("the daemon of " + host + " was killed", null, false, false);
    }
}
