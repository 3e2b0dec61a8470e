package org.splitmem.bridge.gate;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;

/** The part of a URI after its question mark. */
final class Query {
    private Query() {}

    /** @throws IllegalArgumentException naming a parameter that is not known, or comes twice, or what cannot be decoded */
    static void check(String query, Set<String> known) {
        Set<String> seen = new HashSet<>();
        for (String part : query.split("&", -1)) {
            if (part.isEmpty()) {
                continue;
            }
            int equals = part.indexOf('=');
            String name = decoded(equals < 0 ? part : part.substring(0, equals));
            decoded(equals < 0 ? "" : part.substring(equals + 1));
            if (!known.contains(name)) {
                throw new IllegalArgumentException("unknown parameter '" + name + "'; "
                        + (known.isEmpty()
                                ? "there are none"
                                : "known are "
                                        + String.join(
                                                ", ", known.stream().sorted().toList())));
            }
            if (!seen.add(name)) {
                throw new IllegalArgumentException("parameter " + name + " comes twice");
            }
        }
    }

    private static String decoded(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("a parameter is not encoded as in a URL: " + text, e);
        }
    }
}
