package org.splitmem.bridge.placement;

/**
 * What a consumer has claimed of one provider.
 *
 * @param generation of the consumer
 */
public record Claimed(long memoryMb, long generation) {}
