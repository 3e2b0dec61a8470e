package org.splitmem.cli;

import java.util.Collection;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.DataSize;
import org.splitmem.model.LatencyUs;

/** Numbers as people read them. Pure functions. */
final class Text {
    private static final Set<Character.UnicodeScript> WIDE = EnumSet.of(
            Character.UnicodeScript.HIRAGANA, Character.UnicodeScript.KATAKANA, Character.UnicodeScript.HANGUL);

    private Text() {}

    static String size(long bytes) {
        return DataSize.ofBytes(bytes).rounded();
    }

    /** Of a terminal: two for a character of Chinese, Japanese or Korean and for an emoji, none for an accent. */
    static int columns(String text) {
        return text.codePoints().map(Text::columns).sum();
    }

    private static int columns(int character) {
        int type = Character.getType(character);
        if (type == Character.NON_SPACING_MARK || type == Character.ENCLOSING_MARK || type == Character.FORMAT) {
            return 0;
        }
        return Character.isIdeographic(character)
                        || WIDE.contains(Character.UnicodeScript.of(character))
                        || isFullWidth(character)
                ? 2
                : 1;
    }

    private static boolean isFullWidth(int character) {
        return (character >= 0x3000 && character <= 0x303e)
                || (character >= 0xff01 && character <= 0xff60)
                || (character >= 0x1f300 && character <= 0x1faff);
    }

    static String sizeOrDash(@Nullable Long bytes) {
        return bytes == null ? "-" : size(bytes);
    }

    /** {@code 2.5 GiB (62%)}. */
    static String sizeAndShare(long bytes, long whole) {
        return whole == 0 ? size(bytes) : String.format(Locale.ROOT, "%s (%.0f%%)", size(bytes), 100.0 * bytes / whole);
    }

    static String latencies(LatencyUs us) {
        return us.count() == 0
                ? "none measured yet"
                : String.format(
                        Locale.ROOT,
                        "50%% %s, 90%% %s, 99%% %s, longest %s",
                        micros(us.p50()),
                        micros(us.p90()),
                        micros(us.p99()),
                        micros(us.max()));
    }

    /** {@code 25 us}, {@code 1.3 ms}, {@code 2.0 s}. */
    static String micros(double us) {
        if (us < 1000) {
            return String.format(Locale.ROOT, "%.0f us", us);
        }
        return us < 1_000_000
                ? String.format(Locale.ROOT, "%.1f ms", us / 1000)
                : String.format(Locale.ROOT, "%.1f s", us / 1_000_000);
    }

    static long sum(Collection<Long> values) {
        return values.stream().mapToLong(Long::longValue).sum();
    }
}
