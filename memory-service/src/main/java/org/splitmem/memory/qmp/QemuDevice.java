package org.splitmem.memory.qmp;

/**
 * Something that a running QEMU has: a device, a network backend or a block node.
 *
 * @param kind which of them
 * @param name as QEMU knows it; of a device without an id its number
 * @param driver as vfio-pci, tap or file
 * @param direct of a block node: whether it bypasses the page cache
 */
public record QemuDevice(Kind kind, String name, String driver, boolean direct) {
    /** What it is. */
    public enum Kind {
        DEVICE,
        NETWORK,
        BLOCK
    }
}
