package org.splitmem.model;

/**
 * Who wants a migration to end, and why. It becomes the migration's own reason.
 *
 * @param text one line of at most {@link #LONGEST} characters
 */
public record AbortReason(String text) {
    public static final int LONGEST = 300;

    /** Of a text that is too long, what is kept before what is left out: why something failed is mostly said at its end. */
    private static final int BEGIN = 97;

    private static final String LEFT_OUT = "...";

    /** Of the query parameter. */
    public static final String PARAMETER = "reason";

    public AbortReason {
        Require.text(PARAMETER, text);
        if (text.length() > LONGEST) {
            throw new IllegalArgumentException("reason must have at most " + LONGEST + " characters: " + text.length());
        }
        if (text.chars().anyMatch(Character::isISOControl)) {
            throw new IllegalArgumentException("reason must be one line of text");
        }
    }

    /** Any text, made to fit. */
    public static AbortReason because(String text) {
        String line = text.replaceAll("\\p{Cntrl}+", " ").strip();
        if (line.length() <= LONGEST) {
            return new AbortReason(line);
        }
        String end = line.substring(line.length() - (LONGEST - BEGIN - LEFT_OUT.length()));
        return new AbortReason(line.substring(0, BEGIN) + LEFT_OUT + end);
    }

    /** As a URL has it. */
    public String query() {
        return "?" + PARAMETER + "=" + UrlText.query(text);
    }
}
