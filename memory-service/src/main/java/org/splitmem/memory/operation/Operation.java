package org.splitmem.memory.operation;

import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** Something that changes where pages of a VM are. It enters only states that {@link OperationState} has in its table. Any thread. */
public final class Operation {
    private static final Logger log = LoggerFactory.getLogger(Operation.class);

    /**
     * What an operation is about.
     *
     * @param id null: one is made
     * @param vm null: it is about all that are on this host
     * @param name of that VM
     * @param from see {@link OperationInfo}, as {@code to}
     */
    public record Subject(
            @Nullable UUID id,
            OperationKind kind,
            @Nullable UUID vm,
            @Nullable String name,
            @Nullable String from,
            @Nullable String to) {
        OperationRecord begun(OperationState first, long nowMs) {
            return new OperationRecord(
                    id == null ? UUID.randomUUID() : id, kind, vm, name, from, to, first, nowMs, null, null);
        }
    }

    private final Operations all;
    private final boolean recovered;

    // Guarded by all.
    private OperationRecord record;
    private @Nullable Work work;
    private boolean cancelled;

    Operation(Operations all, OperationRecord record, boolean recovered, @Nullable Work work) {
        this.all = all;
        this.record = record;
        this.recovered = recovered;
        this.work = work;
    }

    OperationRecord record() {
        synchronized (all) {
            return record;
        }
    }

    public String id() {
        return record().id().toString();
    }

    public OperationKind kind() {
        return record().kind();
    }

    public @Nullable UUID vm() {
        return record().vm();
    }

    public @Nullable String from() {
        return record().from();
    }

    public OperationState state() {
        return record().state();
    }

    public boolean isOver() {
        return state().isOver();
    }

    /** Whether an earlier daemon began it. */
    public boolean isRecovered() {
        return recovered;
    }

    /** Who does it from now on. */
    public void isDoneBy(Work by) {
        synchronized (all) {
            work = by;
        }
    }

    /** It is asked to end before its time: if it is given up now, that is why. */
    public void cancelling() {
        synchronized (all) {
            cancelled = true;
        }
    }

    /** Whether that was asked, and it can be said of it still. */
    public boolean isCancelled() {
        synchronized (all) {
            return cancelled && record.state().canBeCancelled();
        }
    }

    /**
     * It goes on. Does nothing if it is in that state already.
     *
     * @throws IllegalStateException if that state is not in the table
     */
    public void enter(OperationState next) {
        synchronized (all) {
            if (record.state() != next) {
                step(next, null);
            }
        }
    }

    /** The same, but does nothing if it is over: another thread may just have ended it. */
    public void enterUnlessOver(OperationState next) {
        synchronized (all) {
            if (!record.state().isOver()) {
                enter(next);
            }
        }
    }

    /**
     * It is over. Does nothing if it is already.
     *
     * @param because of one that is not done
     * @throws IllegalStateException if that state is not in the table
     */
    public void end(OperationState last, @Nullable String because) {
        if (isOver()) {
            return;
        }
        all.endsNow();
        synchronized (all) {
            if (record.state().isOver()) {
                return; // by another thread
            }
            if (!record.state().leadsTo(last) && record.state() == OperationState.PREPARING) {
                step(OperationState.RUNNING, null); // which the journal of an earlier daemon may lack
            }
            step(last, because);
            work = null;
        }
        log.info("vm={} operation={} {} is over: {}", vm(), id(), kind().text(), text(last, because));
    }

    private static String text(OperationState last, @Nullable String because) {
        return because == null ? last.name() : last + ", " + because;
    }

    private void step(OperationState next, @Nullable String because) {
        record = record.in(next, because, all.nowMs());
        all.write(this);
    }

    /** Asks to end it before its time. Does nothing if it is over. @throws RefusedException if it cannot be ended */
    void cancel(String reason) throws RefusedException {
        Work by;
        synchronized (all) {
            if (record.state().isOver()) {
                return;
            }
            by = work;
        }
        if (by == null) {
            throw new RefusedException(
                    RefusalCode.NOT_CANCELLABLE,
                    "operation " + record()
                            + " was cut by a restart of splitmemd, which is finding out what became of it:"
                            + " wait, and look with \"splitmem operations --ended\"");
        }
        log.info("operation={} is to end: {}", id(), reason);
        by.cancel(reason);
    }

    /** As it is seen from outside. */
    public OperationInfo info() {
        OperationRecord now;
        Work by;
        synchronized (all) {
            now = record;
            by = work;
        }
        Work.Progress progress = by == null ? Work.Progress.of(now.state().name()) : by.progress();
        return new OperationInfo(
                now.kind(),
                now.vm() == null ? null : now.vm().toString(),
                now.name(),
                now.from(),
                now.to(),
                progress.phase(),
                progress.bytesRemaining(),
                progress.bytesPerSecond(),
                progress.etaSeconds(),
                progress.trouble(),
                by == null ? null : by.end(),
                now.id().toString(),
                now.state(),
                now.startedAtMs(),
                now.finishedAtMs(),
                now.reason());
    }
}
