package org.splitmem.model;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An amount of memory or data, as people write it: {@code 512MiB}, {@code 1.5GiB}, {@code 2G}, {@code 4096}.
 *
 * <p>Units are those of libvirt: {@code K}, {@code M}, {@code G}, {@code T}, {@code P} alone or followed by {@code iB} are powers of
 * 1024, followed by {@code B} powers of 1000; no unit, {@code b} or {@code bytes} means bytes. Case does not matter.
 *
 * @param bytes never negative
 */
public record DataSize(long bytes) implements Comparable<DataSize> {
    /** No host has more memory: 1 PiB. Sums of such sizes do not overflow. */
    public static final long MOST_BYTES = 1L << 50;

    private static final Pattern FORM = Pattern.compile("([0-9]+(?:\\.[0-9]+)?)\\s*([A-Za-z]*)");
    private static final String PREFIXES = "KMGTP";

    public DataSize {
        if (bytes < 0) {
            throw new IllegalArgumentException("a size cannot be negative: " + bytes);
        }
    }

    public static DataSize ofBytes(long bytes) {
        return new DataSize(bytes);
    }

    public static DataSize ofMebibytes(long mebibytes) {
        return new DataSize(Math.multiplyExact(mebibytes, 1L << 20));
    }

    /**
     * Reads a size.
     *
     * @throws IllegalArgumentException if it has another form, is not a whole number of bytes, or exceeds 2^63-1; the message says what is
     *     accepted
     */
    public static DataSize parse(String text) {
        Matcher parts = FORM.matcher(text.trim());
        if (!parts.matches()) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not a size: write for example 512MiB, 1.5GiB, 2G or 4096");
        }
        BigDecimal bytes =
                new BigDecimal(parts.group(1)).multiply(BigDecimal.valueOf(bytesPerUnit(parts.group(2), text)));
        try {
            return new DataSize(bytes.longValueExact());
        } catch (ArithmeticException e) {
            String reason = bytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0
                    ? "too large"
                    : "not a whole number of bytes";
            throw new IllegalArgumentException("'" + text + "' is " + reason, e);
        }
    }

    /** The unit's size in bytes; see the class comment for the units. */
    private static long bytesPerUnit(String unit, String text) {
        String lower = unit.toLowerCase(Locale.ROOT);
        if (lower.isEmpty() || lower.equals("b") || lower.equals("byte") || lower.equals("bytes")) {
            return 1;
        }
        int power = PREFIXES.indexOf(Character.toUpperCase(lower.charAt(0))) + 1;
        String rest = lower.substring(1);
        if (power > 0 && (rest.isEmpty() || rest.equals("ib"))) {
            return 1L << (10 * power);
        }
        if (power > 0 && rest.equals("b")) {
            return BigDecimal.TEN.pow(3 * power).longValueExact();
        }
        throw new IllegalArgumentException("'" + text + "' has the unknown unit '" + unit
                + "': use KiB, MiB, GiB, TiB (or K, M, G, T) for powers of 1024, KB, MB, GB, TB for powers of 1000");
    }

    /** For people: rounded to one decimal of the largest fitting unit, as in {@code 1.5 GiB}. */
    public String rounded() {
        int power = bytes == 0 ? 0 : (63 - Long.numberOfLeadingZeros(bytes)) / 10;
        if (power == 0) {
            return bytes + " B";
        }
        power = Math.min(power, PREFIXES.length());
        BigDecimal value =
                BigDecimal.valueOf(bytes).divide(BigDecimal.valueOf(1L << (10 * power)), 1, RoundingMode.HALF_UP);
        return value.toPlainString() + " " + PREFIXES.charAt(power - 1) + "iB";
    }

    @Override
    public int compareTo(DataSize other) {
        return Long.compare(bytes, other.bytes);
    }

    /** Exact, and read back by {@link #parse}: the largest binary unit that divides it, as in {@code 1536MiB}. */
    @Override
    public String toString() {
        int power = bytes == 0 ? 0 : Math.min(Long.numberOfTrailingZeros(bytes) / 10, PREFIXES.length());
        return power == 0 ? Long.toString(bytes) : (bytes >> (10 * power)) + "" + PREFIXES.charAt(power - 1) + "iB";
    }
}
