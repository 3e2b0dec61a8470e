package org.splitmem.bridge.rest;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.RefusalCode;

/** What comes with a request. */
final class Parameters {
    private Parameters() {}

    static UUID uuid(String text) {
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException e) {
            throw new ApiError(RefusalCode.INVALID_UUID, "not a uuid: " + text);
        }
    }

    /** @param text as in 2026-11-21T12:00:00Z; without an offset in UTC, as elsewhere in OpenStack */
    static long micros(String name, String text) {
        try {
            String zoned = text.matches(".*(Z|[+-][0-9]{2}:[0-9]{2})") ? text : text + "Z";
            Instant instant = OffsetDateTime.parse(zoned).toInstant();
            return Math.multiplyExact(instant.toEpochMilli(), 1000);
        } catch (DateTimeException | ArithmeticException e) {
            throw new ApiError(
                    RefusalCode.INVALID_PARAMETER, name + ": not a time as 2026-11-21T12:00:00Z: '" + text + "'");
        }
    }

    static int number(String name, String text, int least, int most) {
        if (!text.matches("[0-9]{1,9}") || Integer.parseInt(text) < least || Integer.parseInt(text) > most) {
            throw new ApiError(
                    RefusalCode.INVALID_PARAMETER,
                    name + ": a number from " + least + " to " + most + ", not '" + text + "'");
        }
        return Integer.parseInt(text);
    }

    static <T> T body(@Nullable T body) {
        if (body == null) {
            throw new ApiError(RefusalCode.INVALID_JSON, "a body is needed");
        }
        return body;
    }
}
