package org.splitmem.bridge.placement;

/** Somebody else changed the consumer or a provider in between: read again, and try again. */
public final class ConcurrentUpdateException extends Exception {
    private static final long serialVersionUID = 1L;

    ConcurrentUpdateException(String message) {
        super(message);
    }
}
