package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.vm.Vm;

/**
 * VMs of which something is still to be found out or done with a QEMU or a host that may not answer: each on a thread of its own, so
 * that none waits for another's. Any thread.
 */
final class UnsettledVms {
    private static final Logger log = LoggerFactory.getLogger(UnsettledVms.class);
    /** From an attempt that failed to the next. */
    private static final long PAUSE_NS = 500_000_000L;

    /** Why the last attempt failed, as it was logged. */
    private final Map<UUID, String> troubles = new ConcurrentHashMap<>();

    /** Something that is tried until it is done. */
    interface Attempt {
        void run() throws IOException;
    }

    /**
     * Makes an attempt.
     *
     * @param claim of the VM, closed at the end
     */
    void settle(Vm vm, Claims.Claim claim, String name, Attempt attempt) {
        Thread thread = new Thread(() -> run(vm, claim, attempt), name + vm.uuid());
        thread.setDaemon(true);
        thread.start();
    }

    private void run(Vm vm, Claims.Claim claim, Attempt attempt) {
        try {
            attempt.run();
            troubles.remove(vm.uuid());
        } catch (IOException | RuntimeException e) {
            String trouble = String.valueOf(e.getMessage());
            if (!trouble.equals(troubles.put(vm.uuid(), trouble))) {
                log.warn("vm={} is not settled yet: {}", vm.uuid(), trouble);
            }
            LockSupport.parkNanos(PAUSE_NS);
        } finally {
            if (vm.isStopped()) {
                troubles.remove(vm.uuid());
            }
            claim.close();
        }
    }
}
