package org.splitmem.bridge.telemetry;

import java.util.regex.Pattern;

/** Reads from a splitmemd's metrics whether its host is drained. Pure. */
final class Draining {
    private static final Pattern LINE = Pattern.compile("(?m)^splitmem_draining\\s+1(\\.0)?\\s*$");

    private Draining() {}

    static boolean isSaidBy(String metrics) {
        return LINE.matcher(metrics).find();
    }
}
