package org.splitmem.bridge.gate;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * An answer, whole.
 *
 * @param headers all but those that every answer has
 * @param reason code of a failure; absent otherwise
 * @param object what a change was made to, for the audit log; absent if that is not known
 */
@SuppressWarnings("ArrayRecordComponent") // replies are neither compared nor changed
public record Reply(
        int status,
        Map<String, List<String>> headers,
        byte[] body,
        @Nullable String reason,
        @Nullable String object) {
    /** The same with a further header. */
    Reply with(String name, String value) {
        Map<String, List<String>> more = new TreeMap<>(headers);
        more.put(name, List.of(value));
        return new Reply(status, more, body, reason, object);
    }
}
