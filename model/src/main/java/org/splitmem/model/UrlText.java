package org.splitmem.model;

import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;

/** Any text as a part of a URL, and back: names of VMs and hosts are not ours to choose. Pure functions. */
public final class UrlText {
    private UrlText() {}

    /** One segment of a path. Also of a name that consists of dots, which would be a step to another path. */
    public static String segment(String text) {
        String encoded = query(text).replace("+", "%20");
        return encoded.matches("\\.{1,2}") ? encoded.replace(".", "%2E") : encoded;
    }

    /** The value of a query's parameter. */
    public static String query(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    /**
     * What {@link #segment} was made of.
     *
     * @throws IllegalArgumentException if a percent sign does not begin a byte
     */
    public static String ofSegment(String segment) {
        return URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8);
    }
}
