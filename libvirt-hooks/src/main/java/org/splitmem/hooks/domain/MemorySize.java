package org.splitmem.hooks.domain;

import java.math.BigInteger;
import java.util.Locale;

/** libvirt's scaled integers: a number with a unit, KiB if it has none. Rules of virScaleInteger (libvirt src/util/virutil.c). */
final class MemorySize {
    private static final BigInteger LIMIT = BigInteger.valueOf(Long.MAX_VALUE);
    private static final String SCALES = "kmgtpe";

    /** 2^63 has 19 digits; more are an error anyway, and need not be turned into a huge number first. */
    private static final int MAX_DIGITS = 20;

    private MemorySize() {}

    /**
     * The size in bytes, rounded up to whole KiB, as libvirt keeps it.
     *
     * @param where the element's path, for the message
     * @throws InvalidDomainXmlException if it is not a number, has an unknown unit, or exceeds 2^63 - 1 bytes
     */
    static long bytes(String where, String number, String unit) {
        String digits = number.strip();
        if (digits.isEmpty() || digits.length() > MAX_DIGITS || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw new InvalidDomainXmlException(where + ": '" + shorten(digits) + "' is not a size");
        }
        BigInteger bytes = new BigInteger(digits).multiply(factor(where, unit));
        BigInteger kib = BigInteger.valueOf(1024);
        BigInteger rounded = bytes.add(BigInteger.valueOf(1023)).divide(kib).multiply(kib);
        if (rounded.compareTo(LIMIT) > 0) {
            throw new InvalidDomainXmlException(where + ": " + digits + " " + unit + " is more than 2^63 - 1 bytes");
        }
        return rounded.longValueExact();
    }

    private static BigInteger factor(String where, String unit) {
        String suffix = unit.toLowerCase(Locale.ROOT);
        if (suffix.isEmpty()) {
            return BigInteger.valueOf(1024);
        }
        if (suffix.equals("b") || suffix.equals("byte") || suffix.equals("bytes")) {
            return BigInteger.ONE;
        }
        int power = SCALES.indexOf(suffix.charAt(0)) + 1;
        int base = switch (suffix.substring(1)) {
            case "", "ib" -> 1024;
            case "b" -> 1000;
            default -> 0;
        };
        if (power == 0 || base == 0) {
            throw new InvalidDomainXmlException(where + ": unknown unit '" + shorten(unit) + "'");
        }
        return BigInteger.valueOf(base).pow(power);
    }

    private static String shorten(String text) {
        return text.length() <= 40 ? text : text.substring(0, 40) + "...";
    }
}
