package org.splitmem.memory.shim;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Which refusals are worth a line of log. A shim that is refused comes again ten times a second until its QEMU ends, as the one of a
 * destination whose migration was given up: each reason is told once a minute.
 */
final class Refusals {
    private static final long QUIET_NS = 60_000_000_000L;
    private static final int REMEMBERED = 256;

    private final Map<String, Long> told = new LinkedHashMap<>();

    synchronized boolean isNews(String reason, long nowNs) {
        Long before = told.get(reason);
        if (before != null && nowNs - before < QUIET_NS) {
            return false;
        }
        told.remove(reason);
        told.put(reason, nowNs);
        if (told.size() > REMEMBERED) {
            Iterator<String> oldest = told.keySet().iterator();
            oldest.next();
            oldest.remove();
        }
        return true;
    }
}
