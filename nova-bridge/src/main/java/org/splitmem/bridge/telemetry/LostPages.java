package org.splitmem.bridge.telemetry;

import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads from a splitmemd's metrics how often VMs touched pages that cannot be had. Pure. */
final class LostPages {
    private static final Pattern LINE = Pattern.compile(
            "splitmem_vm_lost_pages_total\\{[^}]*\\bvm=\"([0-9a-f-]{36})\"[^}]*\\}\\s+([0-9.E+]{1,24})");

    private LostPages() {}

    /** By uuid; those without any are left out. */
    static Map<String, Long> of(String metrics) {
        Map<String, Long> lost = new HashMap<>();
        metrics.lines().forEach(line -> {
            Matcher matcher = LINE.matcher(line);
            if (matcher.lookingAt()) {
                long count = (long) Double.parseDouble(matcher.group(2));
                if (count > 0) {
                    lost.merge(matcher.group(1), count, Math::max);
                }
            }
        });
        return lost;
    }
}
