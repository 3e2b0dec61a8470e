package org.splitmem.memory.wire;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * PULL_FROM's payload: the memory server that pages are to be fetched from.
 *
 * @param host its name; the server that fetches connects to it only if it knows that name, and to no address of its owner's
 * @param token the VM's access token there
 */
public record PullSource(
        @JsonProperty(required = true) String host,
        @JsonProperty(required = true) String token) {}
