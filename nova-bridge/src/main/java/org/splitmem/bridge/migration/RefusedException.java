package org.splitmem.bridge.migration;

import org.splitmem.bridge.http.ServiceException;

/** A request that is not carried out. The message is for people, the reason for programs. */
public final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    /** Whose fault it is. */
    public enum Kind {
        /** The request can never be carried out. */
        INVALID,
        NOT_FOUND,
        /** Not in this state; or there is no room. */
        CONFLICT,
        /** Another service did not do its part. */
        UPSTREAM,
        /** Another service took the time that there was. */
        LATE
    }

    private final Kind kind;
    private final String reason;

    public RefusedException(Kind kind, String reason, String message) {
        super(message);
        this.kind = kind;
        this.reason = reason;
    }

    static RefusedException upstream(ServiceException e) {
        if (e.kind() == ServiceException.Kind.LATE) {
            return new RefusedException(Kind.LATE, e.code(), e.text());
        }
        return new RefusedException(Kind.UPSTREAM, "service-failed", e.text());
    }

    public Kind kind() {
        return kind;
    }

    public String reason() {
        return reason;
    }

    /** The message, never null. */
    public String text() {
        return String.valueOf(getMessage());
    }
}
