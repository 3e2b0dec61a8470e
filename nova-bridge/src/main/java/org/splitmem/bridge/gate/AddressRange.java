package org.splitmem.bridge.gate;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;

/**
 * Addresses with a common beginning.
 *
 * @param bits of it
 */
public record AddressRange(InetAddress start, int bits) {
    private static final String NUMERIC = "[0-9a-fA-F:.]+";

    /**
     * As in 10.0.0.0/8, 192.0.2.7 or fd00::/8.
     *
     * @throws IllegalArgumentException if it is none of these; names are not looked up
     */
    public static AddressRange parse(String text) {
        String[] parts = text.split("/", -1);
        if (parts.length > 2) {
            throw new IllegalArgumentException("not an address or a range of addresses: " + text);
        }
        InetAddress start = address(parts[0]);
        int longest = start.getAddress().length * 8;
        int bits = parts.length == 1 ? longest : parts[1].matches("[0-9]{1,3}") ? Integer.parseInt(parts[1]) : -1;
        if (bits < 0 || bits > longest) {
            throw new IllegalArgumentException("not a range of addresses: " + text);
        }
        return new AddressRange(start, bits);
    }

    static boolean isNumeric(String text) {
        return text.matches(NUMERIC) && (text.contains(":") || text.matches("[0-9]{1,3}(\\.[0-9]{1,3}){3}"));
    }

    /**
     * As in 192.0.2.7 or fd00::7.
     *
     * @throws IllegalArgumentException if it is none of these; names are not looked up
     */
    public static InetAddress address(String text) {
        if (!isNumeric(text)) {
            throw new IllegalArgumentException("not an address: " + text);
        }
        try {
            return InetAddress.getByName(text);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("not an address: " + text, e);
        }
    }

    public boolean contains(InetAddress address) {
        byte[] a = start.getAddress();
        byte[] b = address.getAddress();
        if (a.length != b.length || !Arrays.equals(a, 0, bits / 8, b, 0, bits / 8)) {
            return false;
        }
        int rest = bits % 8;
        return rest == 0 || (a[bits / 8] & 0xff) >> (8 - rest) == (b[bits / 8] & 0xff) >> (8 - rest);
    }
}
