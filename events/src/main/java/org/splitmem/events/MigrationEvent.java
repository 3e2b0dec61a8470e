package org.splitmem.events;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationKind;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.SubHostShare;

/**
 * Data of the topic {@link Topic#MIGRATION}. Numbers are as in {@link MigrationInfo}.
 *
 * @param unseen true of a phase that lay between two readings: it was passed, and its time is that of the later reading
 * @param pagesMain pages of 4096 bytes on the main host; only with the outcome, as the next two
 * @param reason why it is where it is; always there when ABORTED or FAILED_AFTER_HANDOVER
 * @param novaMigrationUuid of Nova's own record of the migration; absent if there is none
 * @param requestId of the request that began it, Nova's if it sent one
 * @param kind what it changes
 * @param pagesStaying that stay on sub-hosts, which get the destination as their owner; only of a {@link MigrationKind#PARTIAL} one, from
 *     PRECOPY on
 */
public record MigrationEvent(
        String migrationId,
        String instanceUuid,
        String name,
        MigrationPhase phase,
        boolean unseen,
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
        @Nullable Long pagesMain,
        @Nullable Map<String, Long> pagesOnSubHosts,
        @Nullable Long pagesZero,
        @Nullable String novaMigrationUuid,
        @Nullable String requestId,
        MigrationKind kind,
        @Nullable Long pagesStaying) {

    /** What is told of a migration at one reading. */
    static MigrationEvent of(MigrationInfo info, MigrationPhase phase, boolean unseen) {
        boolean over = phase.isOver();
        return new MigrationEvent(
                info.id(),
                info.vm(),
                info.name(),
                phase,
                unseen,
                info.source(),
                info.destination(),
                info.subHosts(),
                info.budgetBytes(),
                info.handover(),
                info.round(),
                info.bytesTotal(),
                info.bytesDone(),
                info.bytesRemaining(),
                info.rateBytesPerSecond(),
                info.dirtyBytesPerSecond(),
                over ? null : info.etaSeconds(),
                info.startedAtMs(),
                over ? info.finishedAtMs() : null,
                info.downtimeMs(),
                unseen ? null : info.reason(),
                over ? info.pages().main() : null,
                over ? info.pages().subHosts() : null,
                over ? info.pages().zero() : null,
                info.novaMigrationUuid(),
                info.requestId(),
                info.kind(),
                info.stayingPages() == 0 ? null : Long.valueOf(info.stayingPages()));
    }
}
