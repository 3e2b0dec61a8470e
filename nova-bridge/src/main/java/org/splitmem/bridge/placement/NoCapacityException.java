package org.splitmem.bridge.placement;

/** A provider has not the capacity that was to be claimed; nothing was. */
public final class NoCapacityException extends Exception {
    private static final long serialVersionUID = 1L;

    public NoCapacityException(String message) {
        super(message);
    }

    /** The message, never null. */
    public String text() {
        return String.valueOf(getMessage());
    }
}
