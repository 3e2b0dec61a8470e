package org.splitmem.bridge.plan;

import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What a flavor asks for by its extra specs {@code splitmem:...} and {@code trait:...}; others are left alone.
 *
 * <p>Nova's API and nova-compute have the same rules in {@code flavors.py}; both are tested with {@code extra-specs.json}.
 *
 * @param enabled whether VMs of the flavor may be split at all
 * @param minSubHosts the least number, when it is split
 * @param maxSubHosts the greatest number; splitmemd takes at most 16
 * @param replicas copies of each page on sub-hosts
 * @param aggregate name or uuid of the aggregate that sub-hosts have to be in; absent: any
 * @param completeHandover whether the guest waits until every page has arrived
 * @param requiredTraits that hosts have to have, {@code trait:NAME=required}; nova-compute adds those of the image
 * @param forbiddenTraits that they must not have
 */
public record ExtraSpecs(
        boolean enabled,
        Mode mode,
        int minSubHosts,
        int maxSubHosts,
        int replicas,
        @Nullable String aggregate,
        boolean completeHandover,
        Set<String> requiredTraits,
        Set<String> forbiddenTraits) {
    /** As many sub-hosts as splitmemd takes in one plan. */
    public static final int MOST_SUB_HOSTS = 16;

    private static final String PREFIX = "splitmem:";
    /** Of the request as a whole; {@code trait1:...} is of a numbered group of resources, as a GPU, which no sub-host gives. */
    private static final String TRAIT = "trait:";

    private static final String MAIN_SHARE = "resources:MEMORY_MB";
    private static final int MOST_REPLICAS = 3;
    private static final int LONGEST_SHOWN = 80;
    private static final Set<String> TRUE = Set.of("1", "t", "true", "on", "y", "yes");
    private static final Set<String> FALSE = Set.of("0", "f", "false", "off", "n", "no");
    private static final Set<String> KNOWN = Set.of(
            "splitmem:enabled",
            "splitmem:mode",
            "splitmem:min_sub_hosts",
            "splitmem:max_sub_hosts",
            "splitmem:replicas",
            "splitmem:aggregate",
            "splitmem:handover");

    /** @throws IllegalArgumentException naming the extra spec, its value, and what is allowed */
    public static ExtraSpecs of(Map<String, String> specs) {
        for (String key : specs.keySet()) {
            if (key.startsWith(PREFIX) && !KNOWN.contains(key)) {
                throw new IllegalArgumentException(
                        "extra spec " + key.substring(0, Math.min(key.length(), LONGEST_SHOWN)) + " is not known");
            }
        }
        int least = number(specs, "splitmem:min_sub_hosts", 1, MOST_SUB_HOSTS);
        int most = number(specs, "splitmem:max_sub_hosts", MOST_SUB_HOSTS, MOST_SUB_HOSTS);
        if (least > most) {
            throw new IllegalArgumentException("extra spec splitmem:min_sub_hosts = " + least
                    + ": must be at most splitmem:max_sub_hosts, which is " + most);
        }
        return new ExtraSpecs(
                flag(specs, "splitmem:enabled"),
                Mode.valueOf(word(specs, "splitmem:mode", "auto", Set.of("auto", "always", "never"))
                        .toUpperCase(Locale.ROOT)),
                least,
                most,
                number(specs, "splitmem:replicas", 1, MOST_REPLICAS),
                name(specs, "splitmem:aggregate"),
                word(specs, "splitmem:handover", "hybrid", Set.of("hybrid", "complete"))
                        .equals("complete"),
                traits(specs, "required"),
                traits(specs, "forbidden"));
    }

    public ExtraSpecs {
        requiredTraits = Set.copyOf(requiredTraits);
        forbiddenTraits = Set.copyOf(forbiddenTraits);
    }

    /** Of further sub-hosts for a VM that is split, and has so many that stay. */
    public ExtraSpecs further(int staying) {
        return new ExtraSpecs(
                enabled,
                Mode.ALWAYS,
                1,
                Math.max(1, maxSubHosts - staying),
                replicas,
                aggregate,
                completeHandover,
                requiredTraits,
                forbiddenTraits);
    }

    /** Nova takes no other values, and leaves traits alone that have one. */
    private static Set<String> traits(Map<String, String> specs, String wanted) {
        Set<String> traits = new TreeSet<>();
        specs.forEach((key, value) -> {
            if (key.startsWith(TRAIT) && value.equals(wanted)) {
                traits.add(key.substring(TRAIT.length()));
            }
        });
        return traits;
    }

    /** As oslo's strict booleans, which Nova's API takes; false by default. */
    private static boolean flag(Map<String, String> specs, String key) {
        String value = specs.getOrDefault(key, "false");
        String word = value.strip().toLowerCase(Locale.ROOT);
        if (!TRUE.contains(word) && !FALSE.contains(word)) {
            throw wrong(key, value, "true or false");
        }
        return TRUE.contains(word);
    }

    private static @Nullable String name(Map<String, String> specs, String key) {
        String value = specs.get(key);
        if (value != null && value.isBlank()) {
            throw wrong(key, value, "the name or uuid of a host aggregate");
        }
        return value == null ? null : value.strip();
    }

    /** Case does not matter, as for booleans. */
    private static String word(Map<String, String> specs, String key, String otherwise, Set<String> allowed) {
        String value = specs.getOrDefault(key, otherwise);
        String word = value.strip().toLowerCase(Locale.ROOT);
        if (!allowed.contains(word)) {
            throw wrong(key, value, "one of " + allowed.stream().sorted().toList());
        }
        return word;
    }

    /**
     * Checks the main share that the flavor gives Nova, if it is among the extra specs, against what Nova says that it has claimed.
     *
     * @throws IllegalArgumentException naming the extra spec
     */
    public static void checkMainShare(Map<String, String> specs, long ramMb, long mainMb) {
        String value = specs.get(MAIN_SHARE);
        if (value == null) {
            return;
        }
        String digits = value.strip();
        if (!digits.matches("[0-9]{1,12}") || Long.parseLong(digits) < 1) {
            throw wrong(MAIN_SHARE, value, "a whole number of MB, from 1 to the flavor's RAM");
        }
        long share = Math.min(Long.parseLong(digits), ramMb);
        if (share != mainMb) {
            throw wrong(MAIN_SHARE, value, "main_mb, which is " + mainMb);
        }
    }

    private static int number(Map<String, String> specs, String key, int otherwise, int most) {
        String value = specs.getOrDefault(key, Integer.toString(otherwise));
        String digits = value.strip();
        if (!digits.matches("[0-9]{1,4}") || Integer.parseInt(digits) < 1 || Integer.parseInt(digits) > most) {
            throw wrong(key, value, "a whole number from 1 to " + most);
        }
        return Integer.parseInt(digits);
    }

    private static IllegalArgumentException wrong(String key, String value, String allowed) {
        // Nova cuts the message at 255 characters: the value must not push the rest out of it.
        String shown = value.length() > LONGEST_SHOWN ? value.substring(0, LONGEST_SHOWN) + "..." : value;
        return new IllegalArgumentException("extra spec " + key + " = " + shown + ": must be " + allowed);
    }
}
