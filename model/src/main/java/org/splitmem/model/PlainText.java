package org.splitmem.model;

import java.util.regex.Pattern;

/** Text that others wrote, to be shown. Pure functions. */
public final class PlainText {
    /** What ends a line or steers a terminal, and what turns the direction of the text around it. */
    private static final Pattern UNSAFE =
            Pattern.compile("[\\p{Cc}\\u2028\\u2029\\u200e\\u200f\\u061c\\u202a-\\u202e\\u2066-\\u2069]");

    private PlainText() {}

    /** One line that shows on a terminal as what it is: what would not is a question mark. */
    public static String line(String text) {
        return UNSAFE.matcher(text).replaceAll("?");
    }
}
