package org.splitmem.bridge.rest;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What comes with a request. */
final class Parameters {
    private Parameters() {}

    static UUID uuid(String text) {
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException e) {
            throw new ApiError(400, "invalid-uuid", "not a uuid: " + text);
        }
    }

    static <T> T body(@Nullable T body) {
        if (body == null) {
            throw new ApiError(400, "invalid-json", "a body is needed");
        }
        return body;
    }
}
