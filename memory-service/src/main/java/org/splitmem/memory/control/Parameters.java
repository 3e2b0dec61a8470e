package org.splitmem.memory.control;

import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.AbortReason;
import org.splitmem.model.RefusalCode;

/** What comes with a request. Each refusal is an {@link ApiException} with 400. Pure functions. */
final class Parameters {
    private static final byte[] NOTHING = {};

    private Parameters() {}

    /** Of a path. */
    static UUID uuid(String text) {
        return VmViews.uuid(text).orElseThrow(() -> new ApiException(RefusalCode.INVALID_UUID, "not a uuid: " + text));
    }

    /** Of a query. */
    static String required(String name, @Nullable String value) {
        if (value == null || value.isEmpty()) {
            throw new ApiException(RefusalCode.PARAMETER_MISSING, "the query parameter " + name + " is missing");
        }
        return value;
    }

    /** Why something is to end. */
    static String reason(String text) {
        try {
            return new AbortReason(text).text();
        } catch (IllegalArgumentException e) {
            throw new ApiException(RefusalCode.INVALID_REASON, String.valueOf(e.getMessage()));
        }
    }

    static long number(String name, @Nullable String value, RefusalCode otherwise) {
        String text = required(name, value);
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new ApiException(otherwise, name + ": not a number: " + text);
        }
    }

    /** @param body which Jersey may leave out if it is empty */
    static <T> T body(@Nullable T body, Class<T> type) {
        return body == null ? JsonBodies.read(NOTHING, type) : body;
    }
}
