package org.splitmem.bridge.daemon;

import org.jspecify.annotations.Nullable;
import org.splitmem.model.HostInfo;

/**
 * What a host said of itself, or why it did not.
 *
 * @param info absent if it did not answer
 * @param error why; absent if it did
 * @param latencyUs how long the answer took
 */
public record HostReport(
        HostAddress host, @Nullable HostInfo info, @Nullable String error, long latencyUs) {}
