package org.splitmem.bridge.gate;

import java.net.URI;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.keystone.Identity;

/**
 * A request that was let in, whole.
 *
 * @param base of links: as the client sees the service, behind whatever proxies
 * @param uri below it
 * @param identity absent for what needs no token
 */
@SuppressWarnings("ArrayRecordComponent") // requests are neither compared nor changed
public record Incoming(
        Operation operation,
        String method,
        URI base,
        URI uri,
        Map<String, List<String>> headers,
        byte[] body,
        @Nullable Identity identity) {}
