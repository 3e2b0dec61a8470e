package org.splitmem.memory.wire;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * PULL_FROM's payload: the memory server that pages are to be fetched from.
 *
 * @param host its name, by which the one that is to fetch has to know it: it connects to no address that it is told
 * @param token the VM's access token there
 */
public record PullSource(
        @JsonProperty(required = true) String host,
        @JsonProperty(required = true) String token) {}
