package org.splitmem.hooks;

import java.util.List;
import java.util.UUID;

/** What the daemon has to do for a call of libvirt's hook. */
public sealed interface HookDecision {
    /** Nothing: the domain is not ours, or the operation tells us nothing. The answer is empty, so libvirt goes on as it would. */
    record Ignore() implements HookDecision {}

    /**
     * A split-ready VM is about to migrate to this host. The answer is {@code xml}, given once a prepared memory waits for the VM.
     *
     * @param xml the domain as this host has to start it
     * @param backends the sizes in bytes of the RAM backends that the shim will ask for, in that order
     */
    record IncomingMigration(UUID uuid, String name, String xml, List<Long> backends) implements HookDecision {
        public IncomingMigration {
            backends = List.copyOf(backends);
        }
    }

    /**
     * A split-ready QEMU runs on this host: started here, or waiting for its migration stream.
     *
     * @param qmpSocket where it listens with the daemon's own monitor
     * @param backends as in {@link IncomingMigration}
     */
    record Started(UUID uuid, String name, String qmpSocket, List<Long> backends) implements HookDecision {
        public Started {
            backends = List.copyOf(backends);
        }
    }

    /** The QEMU of this VM has ended: shut down, crashed, or migrated away. */
    record Stopped(UUID uuid) implements HookDecision {}

    /** libvirt has released everything that it held for this VM. */
    record Released(UUID uuid) implements HookDecision {}

    /** The VM must not be started, or received, like this. The answer is an error with this one line, which libvirt shows. */
    record Refuse(String reason) implements HookDecision {}
}
