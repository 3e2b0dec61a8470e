package org.splitmem.model;

import org.jspecify.annotations.Nullable;

/**
 * What changes where pages of a VM are on a host, or has done so.
 *
 * @param vm uuid of the VM; absent if it is about all that are there
 * @param name of that VM
 * @param from the host that has less of it afterwards; absent: its sub-hosts
 * @param to the host that has more of it afterwards; absent: its sub-hosts, or others
 * @param phase how far it is, as in the API of its kind; of one that is over, as {@code state}
 * @param bytesRemaining that are still to go; absent if only the other host knows
 * @param rateBytesPerSecond of late; 0 also while nothing is known yet
 * @param etaSeconds until it is over, at this rate; absent while nothing goes
 * @param trouble why it stands still, or not all of it goes; absent if all is well
 * @param end the command that ends it before its time; absent if nothing does from this host
 * @param id by which it is shown and cancelled; that of a migration is the migration's own, on both hosts. Absent from earlier versions
 * @param state how far it is, the same for all kinds; absent from earlier versions
 * @param startedAtMs milliseconds since 1970; absent from earlier versions
 * @param finishedAtMs the same; absent while it is not over
 * @param reason why it is over, unless it is done; absent otherwise
 */
public record OperationInfo(
        OperationKind kind,
        @Nullable String vm,
        @Nullable String name,
        @Nullable String from,
        @Nullable String to,
        String phase,
        @Nullable Long bytesRemaining,
        long rateBytesPerSecond,
        @Nullable Long etaSeconds,
        @Nullable String trouble,
        @Nullable String end,
        @Nullable String id,
        @Nullable OperationState state,
        @Nullable Long startedAtMs,
        @Nullable Long finishedAtMs,
        @Nullable String reason) {
    public OperationInfo {
        Require.present("kind", kind);
        Require.text("phase", phase);
        if (bytesRemaining != null) {
            Require.notNegative("bytesRemaining", bytesRemaining);
        }
        Require.notNegative("rateBytesPerSecond", rateBytesPerSecond);
        if (etaSeconds != null) {
            Require.notNegative("etaSeconds", etaSeconds);
        }
    }
}
