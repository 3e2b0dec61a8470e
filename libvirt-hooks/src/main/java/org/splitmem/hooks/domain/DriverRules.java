package org.splitmem.hooks.domain;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Obstacles among what QEMU itself has, by the names that QEMU gives its drivers: those of a command line, and those that a running QEMU
 * reports. Each rule answers why, as the rest of a sentence, or null.
 */
public final class DriverRules {
    /** Prefixes of device names: QEMU has them with -pci, -ccw, -non-transitional and so on behind. */
    private static final List<String> DMA_DEVICES =
            List.of("vfio-", "vhost-user-", "vhost-vdpa-", "vhost-scsi", "x-pci-proxy-dev");

    private static final List<String> MEMORY_DEVICES =
            List.of("ivshmem", "pc-dimm", "nvdimm", "virtio-mem", "virtio-pmem", "cxl-type3");

    /** These send the guest's SCSI commands to the host's device by SG_IO: DMA, whatever the cache mode. */
    private static final List<String> SCSI_PASS_THROUGH = List.of("scsi-block", "scsi-generic");

    private static final List<String> VHOST_INTERFACES = List.of("vhost-user", "vhost-vdpa");

    /** Of block nodes that do input and output on this host. */
    private static final List<String> LOCAL_FILES = List.of("file", "host_device", "host_cdrom");

    private DriverRules() {}

    /** @param driver of a device, as vfio-pci */
    public static @Nullable String againstDevice(String driver) {
        if (startsWithAny(driver, DMA_DEVICES)) {
            return "this " + driver + " " + DeviceRules.PAST_QEMU;
        }
        if (startsWithAny(driver, MEMORY_DEVICES)) {
            return "this " + driver + " is a second kind of RAM, which is not the daemon's";
        }
        if (driver.equals("usb-host")) {
            return "this USB device " + DeviceRules.HOST_BOUND;
        }
        return SCSI_PASS_THROUGH.contains(driver) ? DeviceRules.DIRECT_IO : null;
    }

    /** @param type of a network backend, as vhost-user */
    public static @Nullable String againstNetwork(String type) {
        return VHOST_INTERFACES.contains(type) ? "this " + type + " interface " + DeviceRules.PAST_QEMU : null;
    }

    /** @param driver of a block node, as nvme */
    static @Nullable String againstBlockDriver(String driver) {
        boolean past = driver.startsWith("nvme") || driver.startsWith("virtio-blk-v");
        return past ? "this disk's driver " + DeviceRules.PAST_QEMU : null;
    }

    /** @param direct whether a node of a running QEMU bypasses the page cache */
    public static @Nullable String againstBlockNode(String driver, boolean direct) {
        return direct && LOCAL_FILES.contains(driver) ? DeviceRules.DIRECT_IO : againstBlockDriver(driver);
    }

    private static boolean startsWithAny(String text, List<String> prefixes) {
        return prefixes.stream().anyMatch(text::startsWith);
    }
}
