package org.splitmem.bridge.http;

import java.util.Locale;
import org.splitmem.model.RefusalCode;

/** A service did not do what it was asked. The message names the service, the request, and what came back. */
public final class ServiceException extends Exception {
    private static final long serialVersionUID = 1L;

    /** What went wrong, cut by what can be done about it. */
    public enum Kind {
        /** No connection. It was not asked. */
        UNREACHABLE,
        /** The time of the request that it was asked for was over. Whether it was done is not known; the code says which service. */
        LATE,
        /** No whole answer in time. Whether it was done is not known. */
        TIMEOUT,
        /** The answer broke off. Whether it was done is not known. */
        TRUNCATED,
        /** The answer is not what the API promises. */
        MALFORMED,
        /** 5xx. */
        SERVER_ERROR,
        /** 401, also with a fresh token. */
        UNAUTHORIZED,
        /** 403. */
        FORBIDDEN,
        /** 404. */
        NOT_FOUND,
        /** 406: it does not speak the microversion. */
        MICROVERSION,
        /** 409. */
        CONFLICT,
        /** 429: not now. It was not done. */
        BUSY,
        /** 3xx. Redirects are not followed: they would take our token elsewhere. */
        REDIRECTED,
        /** Any other status. */
        REFUSED
    }

    private final Kind kind;
    private final String code;

    public ServiceException(Kind kind, String code, String message) {
        super(message);
        this.kind = kind;
        this.code = code;
    }

    /** @param request that was under way, or would have been next */
    static ServiceException late(String service, String request) {
        return new ServiceException(
                Kind.LATE,
                service.toLowerCase(Locale.ROOT) + "-too-slow",
                request + ": the time of the request is over");
    }

    ServiceException(Kind kind, String message, Throwable cause) {
        super(message, cause);
        this.kind = kind;
        this.code = "";
    }

    public Kind kind() {
        return kind;
    }

    /** The service's own code of the error; empty if it gave none. */
    public String code() {
        return code;
    }

    /** Whether a splitmemd refused for that. */
    public boolean is(RefusalCode expected) {
        return code.equals(expected.word());
    }

    /** True if the request may have been carried out all the same. */
    public boolean isDoubtful() {
        return kind == Kind.LATE
                || kind == Kind.TIMEOUT
                || kind == Kind.TRUNCATED
                || kind == Kind.MALFORMED
                || kind == Kind.SERVER_ERROR;
    }

    /** The message, never null. */
    public String text() {
        return String.valueOf(getMessage());
    }
}
