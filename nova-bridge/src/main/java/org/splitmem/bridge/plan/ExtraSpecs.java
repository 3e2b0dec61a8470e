package org.splitmem.bridge.plan;

import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a flavor asks for by its extra specs that begin with {@code splitmem:}; others are left alone.
 *
 * @param enabled whether VMs of the flavor may be split at all
 * @param minSubHosts the least number, when it is split
 * @param maxSubHosts the greatest number; splitmemd takes at most 16
 * @param replicas copies of each page on sub-hosts
 * @param aggregate uuid of the aggregate that sub-hosts have to be in; absent: any
 * @param completeHandover whether the guest waits until every page has arrived
 */
public record ExtraSpecs(
        boolean enabled,
        Mode mode,
        int minSubHosts,
        int maxSubHosts,
        int replicas,
        @Nullable String aggregate,
        boolean completeHandover) {
    /** As many sub-hosts as splitmemd takes in one plan. */
    public static final int MOST_SUB_HOSTS = 16;

    private static final String PREFIX = "splitmem:";
    private static final int MOST_REPLICAS = 3;
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
                throw new IllegalArgumentException("extra spec " + key + " is not known");
            }
        }
        int least = number(specs, "splitmem:min_sub_hosts", 1, MOST_SUB_HOSTS);
        int most = number(specs, "splitmem:max_sub_hosts", MOST_SUB_HOSTS, MOST_SUB_HOSTS);
        if (least > most) {
            throw new IllegalArgumentException("extra spec splitmem:min_sub_hosts = " + least
                    + ": must be at most splitmem:max_sub_hosts, which is " + most);
        }
        return new ExtraSpecs(
                word(specs, "splitmem:enabled", "false", Set.of("true", "false"))
                        .equals("true"),
                Mode.valueOf(word(specs, "splitmem:mode", "auto", Set.of("auto", "always", "never"))
                        .toUpperCase(Locale.ROOT)),
                least,
                most,
                number(specs, "splitmem:replicas", 1, MOST_REPLICAS),
                specs.get("splitmem:aggregate"),
                word(specs, "splitmem:handover", "hybrid", Set.of("hybrid", "complete"))
                        .equals("complete"));
    }

    /** Case does not matter: Nova takes "True" for a boolean, too. */
    private static String word(Map<String, String> specs, String key, String otherwise, Set<String> allowed) {
        String value = specs.getOrDefault(key, otherwise).strip().toLowerCase(Locale.ROOT);
        if (!allowed.contains(value)) {
            throw wrong(key, value, "one of " + allowed.stream().sorted().toList());
        }
        return value;
    }

    private static int number(Map<String, String> specs, String key, int otherwise, int most) {
        String value = specs.getOrDefault(key, Integer.toString(otherwise)).strip();
        if (!value.matches("[0-9]{1,4}") || Integer.parseInt(value) < 1 || Integer.parseInt(value) > most) {
            throw wrong(key, value, "a whole number from 1 to " + most);
        }
        return Integer.parseInt(value);
    }

    private static IllegalArgumentException wrong(String key, String value, String allowed) {
        return new IllegalArgumentException("extra spec " + key + " = " + value + ": must be " + allowed);
    }
}
