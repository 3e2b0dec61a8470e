package org.splitmem.memory.migration;

import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.qmp.QemuVersion;
import org.splitmem.memory.qmp.QmpMonitor;
import org.splitmem.memory.vm.Vm;

/**
 * Whether QEMU leaves a VM's RAM out of its own migration stream, as x-ignore-shared asks it to. What it sends all the same would
 * go, once more and past the plan, into memory that is sealed at the destination: the migration would stand still.
 */
final class RamInStream {
    private static final Logger log = LoggerFactory.getLogger(RamInStream.class);
    private static final String MEMFD = "memory-backend-memfd";

    private RamInStream() {}

    /**
     * Before anything moves, at the source: why this VM's RAM would not be left out. Empty: nothing is known against it. A QEMU
     * that does not answer now is refused when the migration connects to it.
     */
    static String reasonAgainst(Vm vm, String host) {
        try (QmpMonitor qemu = QmpMonitor.connect(vm.qmpSocket(), vm.uuid().toString())) {
            return reasonAgainst(qemu, vm.name(), host);
        } catch (IOException e) {
            log.info("vm={} QEMU cannot be asked what it leaves out of a migration: {}", vm.uuid(), e.getMessage());
            return "";
        }
    }

    /**
     * The same of a QEMU at either end that is about to get a stream going.
     *
     * @throws IOException naming the VM, its host and the remedy; or if QEMU does not answer
     */
    static void refuseWhatQemuSends(QmpMonitor qemu, String vm, String host) throws IOException {
        String reason = reasonAgainst(qemu, vm, host);
        if (!reason.isEmpty()) {
            throw new IOException(reason);
        }
    }

    /** Since 8.1 only RAM of a named file is left out. */
    private static String reasonAgainst(QmpMonitor qemu, String vm, String host) throws IOException {
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
