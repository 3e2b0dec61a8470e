package org.splitmem.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a migration, at one moment.
 *
 * @param id of the migration, unique on its source
 * @param vm uuid of the VM
 * @param name libvirt's name of the VM
 * @param source name of the host it leaves
 * @param destination name of the host it goes to
 * @param subHosts what each sub-host is to keep
 * @param budgetBytes how much may be resident on the destination
 * @param round number of the pre-copy round, from 0
 * @param bytesTotal what has to be sent, grown by what the guest wrote again
 * @param bytesDone of it, sent and acknowledged
 * @param bytesRemaining of it, still to be sent
 * @param rateBytesPerSecond what is being sent now
 * @param dirtyBytesPerSecond what the guest is writing now
 * @param etaSeconds until it is over at this rate; absent while it cannot be told
 * @param startedAtMs since 1970
 * @param finishedAtMs since 1970; absent while it runs
 * @param downtimeMs how long the vCPUs stood still; absent until they run again
 * @param reason why it was given up, if it is ABORTED, what failed, if it is FAILED_AFTER_HANDOVER, or what it waits for or tries again,
 *     while it runs; absent otherwise
 * @param pages where the VM's pages are to be or, when DONE, are; of a VM that was split already, from the beginning
 * @param novaMigrationUuid of Nova's own record of it; absent if the request for it had none
 * @param requestId of the request that began it, as OpenStack joins logs by; absent if it had none
 * @param vmEnded true if it was given up because the VM has ended at its source; absent otherwise
 * @param hypervisorMayStart whether this is the time to start the hypervisor's migration; absent if an earlier splitmemd answers
 * @param splitKind what it changes of a VM that was split already; absent of a whole one, as readers of earlier versions need it: see
 *     {@link #kind}
 */
public record MigrationInfo(
        String id,
        String vm,
        String name,
        MigrationPhase phase,
        String source,
        String destination,
        List<SubHostShare> subHosts,
        long budgetBytes,
        Handover handover,
        int round,
        long bytesTotal,
        long bytesDone,
        long bytesRemaining,
        long rateBytesPerSecond,
        long dirtyBytesPerSecond,
        @Nullable Long etaSeconds,
        long startedAtMs,
        @Nullable Long finishedAtMs,
        @Nullable Double downtimeMs,
        @Nullable String reason,
        PagePlacement pages,
        @Nullable String novaMigrationUuid,
        @Nullable String requestId,
        @Nullable Boolean vmEnded,
        @Nullable Boolean hypervisorMayStart,
        @Nullable MigrationKind splitKind) {
    public MigrationInfo {
        Require.text("id", id);
        Require.text("vm", vm);
        Require.text("name", name);
        Require.present("phase", phase);
        Require.text("source", source);
        Require.text("destination", destination);
        subHosts = List.copyOf(Require.present("subHosts", subHosts));
        Require.notNegative("budgetBytes", budgetBytes);
        Require.present("handover", handover);
        Require.notNegative("round", round);
        Require.notNegative("bytesTotal", bytesTotal);
        Require.notNegative("bytesDone", bytesDone);
        Require.notNegative("bytesRemaining", bytesRemaining);
        Require.notNegative("rateBytesPerSecond", rateBytesPerSecond);
        Require.notNegative("dirtyBytesPerSecond", dirtyBytesPerSecond);
        if (etaSeconds != null) {
            Require.notNegative("etaSeconds", etaSeconds);
        }
        if (downtimeMs != null) {
            Require.notNegative("downtimeMs", downtimeMs);
        }
        Require.present("pages", pages);
    }

    public MigrationKind kind() {
        if (splitKind != null) {
            return splitKind;
        }
        return subHosts.isEmpty() ? MigrationKind.ONE_TO_ONE : MigrationKind.ONE_TO_N;
    }

    /** How many pages stay on sub-hosts, which get the destination as their owner; 0 also while it is not known. */
    public long stayingPages() {
        return splitKind == MigrationKind.PARTIAL
                ? pages.subHosts().values().stream().mapToLong(Long::longValue).sum()
                : 0;
    }

    /** Of a migration that was given up: whether the VM is still at its source. */
    public boolean staysAtSource() {
        return !Boolean.TRUE.equals(vmEnded);
    }

    /** Whether this is the time to start the hypervisor's migration. An earlier splitmemd does not say so: READY is right then, if late. */
    public boolean letsHypervisorStart() {
        return hypervisorMayStart == null ? phase == MigrationPhase.READY : hypervisorMayStart;
    }
}
