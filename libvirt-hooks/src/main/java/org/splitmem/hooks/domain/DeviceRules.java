package org.splitmem.hooks.domain;

import java.util.List;
import java.util.Set;
import org.w3c.dom.Element;

/** Obstacles among a domain's devices. vhost-net and vhost-vsock are none: the kernel reaches guest RAM through QEMU's page table. */
final class DeviceRules {
    static final String PAST_QEMU = "reaches guest RAM past QEMU's mapping, so none of its pages could ever move";
    static final String HOST_BOUND = "belongs to this host, so the VM cannot be live-migrated";
    static final String DIRECT_IO =
            "reads past the page cache write guest RAM by DMA, and dirty tracking does not see when"
                    + " their data arrive, so a migration could lose them";

    private static final Set<String> DMA_HOSTDEVS = Set.of("pci", "mdev", "scsi_host");
    private static final Set<String> VHOST_INTERFACES = Set.of("vdpa", "vhostuser");
    private static final Set<String> USER_SPACE_DISKS = Set.of("nvme", "vhostuser", "vhostvdpa");
    private static final Set<String> LOCAL_DISKS = Set.of("file", "block", "volume", "dir");
    private static final Set<String> UNCACHED = Set.of("none", "directsync");

    private DeviceRules() {}

    static void inspect(Element device, List<Obstacle> found) {
        switch (device.getLocalName()) {
            case "hostdev" -> inspectHostdev(device, found);
            case "interface" -> inspectInterface(device, found);
            case "disk" -> inspectDisk(device, found);
            case "filesystem" -> inspectFilesystem(device, found);
            case "memory" -> {
                String what =
                        "the " + device.getAttribute("model") + " is a second kind of RAM, which is not the daemon's";
                add(device, "", what, "give the guest all its memory by <memory>", found);
            }
            case "shmem" -> {
                String what = "memory shared with others is neither the daemon's nor in QEMU's migration stream";
                add(device, "", what, "remove <shmem>", found);
            }
            case "video" -> inspectVideo(device, found);
            case "tpm" -> {
                if (attribute(device, "backend", "type").equals("passthrough")) {
                    add(device, "/backend/@type", "this TPM " + HOST_BOUND, "use type='emulator'", found);
                }
            }
            case "input" -> {
                if (device.getAttribute("type").equals("passthrough")) {
                    add(device, "/@type", "this input device " + HOST_BOUND, "use an emulated one", found);
                }
            }
            default -> {}
        }
    }

    private static void inspectHostdev(Element device, List<Obstacle> found) {
        String type = device.getAttribute("type");
        String what = type.isEmpty() ? device.getAttribute("mode") : type;
        String reason = "this " + what + " device " + (DMA_HOSTDEVS.contains(type) ? PAST_QEMU : HOST_BOUND);
        add(device, "", reason, "detach the device, or use an emulated or virtio one", found);
    }

    private static void inspectInterface(Element device, List<Obstacle> found) {
        String type = device.getAttribute("type");
        String remedy = "use a bridge or tap interface with virtio";
        if (type.equals("hostdev")) {
            add(device, "/@type", "this assigned network device " + PAST_QEMU, remedy, found);
        } else if (VHOST_INTERFACES.contains(type)) {
            add(device, "/@type", "this " + type + " interface " + PAST_QEMU, remedy, found);
        } else if (takesFromHostdevPool(device)) {
            add(device, "", "its network gives it an assigned device, which " + PAST_QEMU, remedy, found);
        }
    }

    /**
     * The pool is in the network's XML, which we do not see. What only an interface from such a pool has: the actual type (in a
     * running domain's status), VFIO as its driver, or the part of a device that is unplugged for a migration.
     */
    private static boolean takesFromHostdevPool(Element device) {
        return attribute(device, "actual", "type").equals("hostdev")
                || attribute(device, "driver", "name").equals("vfio")
                || attribute(device, "teaming", "type").equals("transient");
    }

    private static void inspectDisk(Element device, List<Obstacle> found) {
        String type = device.getAttribute("type");
        if (USER_SPACE_DISKS.contains(type)) {
            String reason = "this " + type + " disk " + PAST_QEMU;
            add(device, "/@type", reason, "let the kernel or QEMU drive the disk (type file, block or network)", found);
        }
        Element layer = Elements.first(device, "backingStore");
        while (layer != null) {
            if (layer.getAttribute("type").equals("nvme")) {
                String reason = "this nvme backing disk " + PAST_QEMU;
                found.add(new Obstacle(Elements.path(layer) + "/@type", reason, "let the kernel drive the disk"));
            }
            layer = Elements.first(layer, "backingStore");
        }
        inspectDirectIo(device, found);
    }

    private static void inspectFilesystem(Element device, List<Obstacle> found) {
        boolean virtiofs = attribute(device, "driver", "type").equals("virtiofs");
        String reason = virtiofs
                ? "the virtiofs daemon " + PAST_QEMU
                : "QEMU cannot be live-migrated while the guest has this file system mounted";
        add(device, "", reason, "share the files over the network", found);
    }

    private static void inspectVideo(Element device, List<Obstacle> found) {
        if (attribute(device, "driver", "name").equals("vhostuser")) {
            add(device, "/driver/@name", "the GPU's own process " + PAST_QEMU, "use name='qemu'", found);
        }
        if (attribute(device, "model", "blob").equals("on")) {
            String reason = "blob resources pin pages of guest RAM (udmabuf), so these could never move";
            add(device, "/model/@blob", reason, "set it to off", found);
        }
    }

    /**
     * A disk read that bypasses the page cache writes into guest RAM by DMA. The page table shows that when the read starts
     * (get_user_pages faults the page in for writing), not when the data arrive: a dirty scan in between re-arms the page, and no
     * later one reports it. Linux 6.18, O_DIRECT reads under constant scans: all of 76,800 pages were missed; through the page
     * cache none. Network disks are copied into RAM by QEMU itself.
     */
    private static void inspectDirectIo(Element disk, List<Obstacle> found) {
        if (!LOCAL_DISKS.contains(disk.getAttribute("type"))) {
            return;
        }
        String cache = attribute(disk, "driver", "cache");
        if (disk.getAttribute("device").equals("lun")) {
            add(disk, "/@device", DIRECT_IO, "use device='disk' with cache='writeback'", found);
        } else if (UNCACHED.contains(cache)) {
            add(disk, "/driver/@cache", DIRECT_IO, "use cache='writeback' (or writethrough)", found);
        } else if (isSharedUncached(disk, cache)) {
            String remedy = "for a disk that VMs write at the same time, use type='network'";
            add(disk, "/shareable", "libvirt turns its cache off, and " + DIRECT_IO, remedy, found);
        }
    }

    /** Without a cache mode libvirt makes it none for a disk that several VMs may write (seen in libvirt 9.0). */
    private static boolean isSharedUncached(Element disk, String cache) {
        return (cache.isEmpty() || cache.equals("default"))
                && Elements.first(disk, "shareable") != null
                && Elements.first(disk, "readonly") == null;
    }

    private static String attribute(Element device, String child, String name) {
        Element element = Elements.first(device, child);
        return element == null ? "" : element.getAttribute(name);
    }

    private static void add(Element device, String below, String reason, String remedy, List<Obstacle> found) {
        found.add(new Obstacle(Elements.path(device) + below, reason, remedy));
    }
}
