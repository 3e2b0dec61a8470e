package org.splitmem.model;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A transfer rate, as people write it: {@code 10Gbit}, {@code 125MB/s}, {@code 125MiB/s}.
 *
 * <p>Links are sold in bits and programs count in bytes, an eightfold difference; so a rate without either word is refused instead of
 * guessed. {@code k}, {@code M}, {@code G}, {@code T} are powers of 1000, {@code Ki}, {@code Mi}, {@code Gi}, {@code Ti} powers of 1024; the
 * {@code /s} may be left out.
 *
 * @param bytesPerSecond at least 1
 */
public record Rate(long bytesPerSecond) {
    private static final Pattern FORM = Pattern.compile("([0-9]+(?:\\.[0-9]+)?)\\s*([KkMGT]?)(i?)(B|bit)(?:/s|ps)?");

    public Rate {
        if (bytesPerSecond < 1) {
            throw new IllegalArgumentException("a rate must be at least 1 byte per second: " + bytesPerSecond);
        }
    }

    /**
     * Reads a rate; a fraction of a byte is dropped.
     *
     * @throws IllegalArgumentException if it has another form or is out of range; the message says what is accepted
     */
    public static Rate parse(String text) {
        Matcher parts = FORM.matcher(text.trim());
        if (!parts.matches() || (parts.group(2).isEmpty() && !parts.group(3).isEmpty())) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not a rate: write bits as 10Gbit or 500Mbit, bytes as 125MB/s or 125MiB/s");
        }
        int power =
                " KMGT".indexOf(parts.group(2).isEmpty() ? " " : parts.group(2).toUpperCase(Locale.ROOT));
        BigDecimal step = BigDecimal.valueOf(parts.group(3).isEmpty() ? 1000 : 1024);
        BigDecimal amount = new BigDecimal(parts.group(1)).multiply(step.pow(power));
        BigDecimal bytes = parts.group(4).equals("bit") ? amount.divide(BigDecimal.valueOf(8)) : amount;
        if (bytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0 || bytes.compareTo(BigDecimal.ONE) < 0) {
            throw new IllegalArgumentException(
                    "'" + text + "' is out of range: at least 1 byte per second, below 2^63");
        }
        return new Rate(bytes.longValue());
    }

    /** For people, as in {@code 118.2 MiB/s}. */
    public static String rounded(long bytesPerSecond) {
        return DataSize.ofBytes(bytesPerSecond).rounded() + "/s";
    }

    @Override
    public String toString() {
        return DataSize.ofBytes(bytesPerSecond) + (bytesPerSecond % 1024 == 0 ? "/s" : "B/s");
    }
}
