package org.splitmem.memory.qmp;

/**
 * An event of QEMU's.
 *
 * @param name e.g. STOP, RESUME, MIGRATION
 * @param status of MIGRATION events, e.g. pre-switchover; else empty
 * @param timestampUs microseconds since 1970, by QEMU's clock
 */
public record QmpEvent(String name, String status, long timestampUs) {}
