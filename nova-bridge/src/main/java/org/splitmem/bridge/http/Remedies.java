package org.splitmem.bridge.http;

import java.util.EnumMap;
import java.util.Map;
import org.splitmem.bridge.http.ServiceException.Kind;

/** What an operator can do about a service's failure, by its kind. Immutable. */
public final class Remedies {
    private static final Map<Kind, String> GENERAL = Map.of(
            Kind.UNREACHABLE, "does it run, and is its address right?",
            Kind.TRUNCATED, "its log, or that of a proxy before it, tells why",
            Kind.SERVER_ERROR, "its log tells why",
            Kind.FORBIDDEN, "is there a proxy before it that does not let nova-bridge through?",
            Kind.MICROVERSION, "is it of a version that goes with nova-bridge?",
            Kind.BUSY, "it is asked too often: see its limits");

    private final Map<Kind, String> byKind = new EnumMap<>(Kind.class);

    /** @param own of the service, beside what is true of every service */
    public Remedies(Map<Kind, String> own) {
        byKind.putAll(GENERAL);
        byKind.putAll(own);
    }

    /** The message with the remedy at its end, if there is one. */
    String after(Kind kind, String message) {
        String remedy = byKind.get(kind);
        return remedy == null ? message : message + " (" + remedy + ")";
    }
}
