package org.splitmem.model;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The range checks of the records; each message names the field and the value. */
final class Require {
    private Require() {}

    static long notNegative(String field, long value) {
        if (value < 0) {
            throw new IllegalArgumentException(field + " cannot be negative: " + value);
        }
        return value;
    }

    static double notNegative(String field, double value) {
        if (!(value >= 0)) {
            throw new IllegalArgumentException(field + " cannot be negative: " + value);
        }
        return value;
    }

    static long positive(String field, long value) {
        if (value < 1) {
            throw new IllegalArgumentException(field + " must be at least 1: " + value);
        }
        return value;
    }

    /** Of memory. */
    static long size(String field, long bytes) {
        if (bytes < 1 || bytes > DataSize.MOST_BYTES) {
            throw new IllegalArgumentException(field + " must be 1-" + DataSize.MOST_BYTES + ": " + bytes);
        }
        return bytes;
    }

    static String text(String field, String value) {
        // Jackson passes null for an absent field, whatever the annotations say.
        if (value == null || value.isBlank()) {
            throw new IllegalArgumentException(field + " is missing");
        }
        return value;
    }

    static <T> T present(String field, T value) {
        if (value == null) {
            throw new IllegalArgumentException(field + " is missing");
        }
        return value;
    }

    /** @return a copy; absent in JSON means none */
    static List<SubHostShare> eachHostOnce(String field, @Nullable List<SubHostShare> shares) {
        List<SubHostShare> copy = shares == null ? List.of() : List.copyOf(shares);
        Set<String> seen = new HashSet<>();
        for (SubHostShare share : copy) {
            if (!seen.add(share.host())) {
                throw new IllegalArgumentException(field + ": " + share.host() + " is named twice in the plan");
            }
        }
        return copy;
    }
}
