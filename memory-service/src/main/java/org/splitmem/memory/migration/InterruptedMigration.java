package org.splitmem.memory.migration;

import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.qmp.QmpMonitor;
import org.splitmem.memory.vm.Vm;

/** A migration from here that an earlier daemon did not live to end, settled with the VM's QEMU. Stateless. */
final class InterruptedMigration {
    private static final Logger log = LoggerFactory.getLogger(InterruptedMigration.class);

    private InterruptedMigration() {}

    /**
     * In the middle of a switch-over: the guest runs here, or this QEMU has done its part and ended. Decides nothing while
     * QEMU is there but its guest does not run.
     *
     * @throws IOException if QEMU does not answer, or what was decided cannot be recorded
     */
    static void decide(Vm vm) throws IOException {
        if (vm.isQemuGone()) {
            vm.left();
            log.info("vm={} its QEMU has ended after the switch-over: its pages are kept for the new owner", vm.uuid());
            return;
        }
        try (QmpMonitor monitor = QmpMonitor.connect(vm.qmpSocket(), vm.uuid().toString())) {
            if (monitor.isRunning()) {
                monitor.ignoreShared(false);
                vm.stays();
                log.info("vm={} runs on here: the switch-over was not completed", vm.uuid());
            }
        }
    }

    /** QEMU is to send RAM when it migrates, whatever an earlier daemon has set. */
    static void sendRamAgain(Vm vm) {
        try (QmpMonitor monitor = QmpMonitor.connect(vm.qmpSocket(), vm.uuid().toString())) {
            monitor.ignoreShared(false);
        } catch (IOException e) {
            log.error("vm={} QEMU may still leave RAM out of its migrations: {}", vm.uuid(), e.getMessage());
        }
    }
}
