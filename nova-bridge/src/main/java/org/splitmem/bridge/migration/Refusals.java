package org.splitmem.bridge.migration;

import org.splitmem.bridge.http.ServiceException;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** Why nova-bridge does not carry out a request. Stateless. */
public final class Refusals {
    private static final int CONFLICT = 409;
    private static final int LATE = 504;

    private Refusals() {}

    public static RefusedException of(RefusalCode code, String text) {
        return new RefusedException(Refusal.ofBridge(code, text));
    }

    /**
     * Of what cannot be planned.
     *
     * @param code the plan's, or one that has another status elsewhere
     */
    static RefusedException conflict(String code, String text) {
        return new RefusedException(new Refusal(CONFLICT, code, text));
    }

    /** Another service did not do its part, or took the time that there was. */
    public static RefusedException upstream(ServiceException e) {
        return e.kind() == ServiceException.Kind.LATE
                ? new RefusedException(new Refusal(LATE, e.code(), e.text()))
                : of(RefusalCode.SERVICE_FAILED, e.text());
    }
}
