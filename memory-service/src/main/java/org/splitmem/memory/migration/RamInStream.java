package org.splitmem.memory.migration;

import java.io.IOException;
import org.splitmem.memory.qmp.QemuVersion;
import org.splitmem.memory.qmp.QmpMonitor;

/**
 * Whether QEMU leaves a VM's RAM out of its own migration stream, as x-ignore-shared asks it to. What it sends all the same would
 * go, once more and past the plan, into memory that is sealed at the destination: the migration would stand still.
 */
final class RamInStream {
    private static final String MEMFD = "memory-backend-memfd";

    private RamInStream() {}

    /**
     * Of a QEMU at either end that is about to get a stream going.
     *
     * @throws IOException naming the VM, its host and the remedy; or if QEMU does not answer
     */
    static void refuseWhatQemuSends(QmpMonitor qemu, String vm, String host) throws IOException {
        String reason = reasonAgainst(qemu, vm, host);
        if (!reason.isEmpty()) {
            throw new IOException(reason);
        }
    }

    /** Why RAM would not be left out, since from 8.1 on only that of a named file is; empty: nothing is known against it. */
    static String reasonAgainst(QmpMonitor qemu, String vm, String host) throws IOException {
        QemuVersion version = qemu.version();
        if (!version.isAtLeast(8, 1) || !qemu.objectTypes().contains(MEMFD)) {
            return "";
        }
        return "VM " + vm + " was started with RAM of a memfd, and QEMU " + version + " on " + host
                + " leaves only RAM of a named file out of its migration stream (as all since 8.1); run \"splitmem prepare\" on"
                + " its domain again, shut it down and start it, or migrate it between hosts with QEMU 8.0 and older";
    }

    /** What to say of a stream that QEMU has begun; empty if it goes without the RAM. */
    static String reasonAgainstStream(long streamBytes, long ramBytes) {
        return streamBytes < ramBytes
                ? ""
                : "QEMU sends the VM's RAM through its own stream (ram.total is " + streamBytes + " B, and the VM has "
                        + ramBytes
                        + " B): its x-ignore-shared leaves out less than it promised, so this QEMU cannot be used"
                        + " for split migrations";
    }
}
