package org.splitmem.memory.migration;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/** The id of the request that a thread works on, as OpenStack joins the logs of its services by: it is in each line of the log. */
public final class RequestId {
    /** Of the header in HTTP. */
    public static final String HEADER = "X-Openstack-Request-Id";

    private static final String KEY = "request";
    private static final Pattern FORM = Pattern.compile("[A-Za-z0-9._-]{1,64}");

    private RequestId() {}

    /** What a caller sent, unless it is no id: that could forge lines of the log. */
    public static @Nullable String checked(@Nullable String sent) {
        return sent != null && FORM.matcher(sent).matches() ? sent : null;
    }

    /** From now on this thread works on that request; absent: on none. */
    public static void isPartOf(@Nullable String id) {
        if (id == null) {
            MDC.remove(KEY);
        } else {
            MDC.put(KEY, id);
        }
    }

    /** Of the request that this thread works on; absent if it has none. */
    public static @Nullable String current() {
        return MDC.get(KEY);
    }
}
