package org.splitmem.memory.migration;

import java.io.IOException;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.thread.HostThreads;
import org.splitmem.memory.vm.VmRegistry;

/** What migrates VMs on host h1, with its files in a directory of the test. */
public final class TestMigrations {
    static final MigrationConfig CONFIG = new MigrationConfig(4, 0, 3, 100, 4096, 8);
    static final PeerHosts.Peer SELF = new PeerHosts.Peer("h1", "127.0.0.1", 7780);

    private TestMigrations() {}

    public static MigrationService service(MemoryDirectory directory, VmRegistry vms, PeerHosts peers)
            throws IOException {
        return service(directory, vms, peers, operations(directory));
    }

    public static MigrationService service(
            MemoryDirectory directory, VmRegistry vms, PeerHosts peers, Operations operations) throws IOException {
        return new MigrationService(vms, peers, CONFIG, SELF, releases(directory, peers), operations);
    }

    /** Its calls of other hosts are made by the thread that asks for them. */
    static PendingReleases releases(MemoryDirectory directory, PeerHosts peers) throws IOException {
        return new PendingReleases(directory.resolve("releases.json"), peers, new HostThreads(Runnable::run));
    }

    public static Operations operations(MemoryDirectory directory) throws IOException {
        return new Operations(directory.resolve("operations"), FaultPoints.NONE);
    }
}
