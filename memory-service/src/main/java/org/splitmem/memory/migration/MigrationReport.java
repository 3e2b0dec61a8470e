package org.splitmem.memory.migration;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.operation.Operation;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.PagePlacement;
import org.splitmem.model.SubHostShare;

/** What is told about a migration: written by its thread, read by any. */
final class MigrationReport {
    private final String vm;
    private final String name;
    private final MigrationTask task;
    private final String source;
    private final Progress progress;
    private final HypervisorCall call = new HypervisorCall();
    private final long startedAtMs = System.currentTimeMillis();

    // Guarded by this.
    private MigrationPhase phase = MigrationPhase.PLANNED;
    private @Nullable Long finishedAtMs;
    private long finishedNs;
    private @Nullable Double downtimeMs;
    private @Nullable String reason;
    private boolean vmEnded;
    private PagePlacement pages = PagePlacement.NONE;
    private @Nullable Operation operation;

    MigrationReport(Vm vm, MigrationTask task, String source, Progress progress) {
        this.vm = vm.uuid().toString();
        this.name = vm.name();
        this.task = task;
        this.source = source;
        this.progress = progress;
    }

    /** The migration as an operation, which follows it from now on. */
    synchronized void isDoneAs(Operation begun) {
        operation = begun;
    }

    /** It is asked to give up. */
    void cancelling() {
        Operation asked = operation();
        if (asked != null) {
            asked.cancelling();
        }
    }

    private synchronized @Nullable Operation operation() {
        return operation;
    }

    /** @throws IllegalStateException if a migration cannot enter that phase from the one it is in */
    void entered(MigrationPhase next, String because) {
        enter(next, because);
        Operation same = operation();
        if (same != null) {
            MigrationWork.enter(same, next, because);
        }
    }

    private synchronized void enter(MigrationPhase next, String because) {
        if (!phase.leadsTo(next)) {
            throw new IllegalStateException(
                    "migration " + task.id() + " of VM " + vm + ": " + phase + " -> " + next + " (" + because + ")");
        }
        phase = next;
        reason = next.isOver() && next != MigrationPhase.DONE ? because : null;
        if (next.isOver()) {
            finishedAtMs = System.currentTimeMillis();
            finishedNs = System.nanoTime();
        }
    }

    synchronized MigrationPhase phase() {
        return phase;
    }

    /** The VM has ended at its source. To be called before it is given up for that. */
    synchronized void vmEnded() {
        vmEnded = true;
    }

    /** The destination has fetched a page. */
    void fetched() {
        progress.fetched();
    }

    /** @param why its handover stands still; null once it goes on */
    synchronized void stalled(@Nullable String why) {
        reason = why;
    }

    /** Both in microseconds since 1970, each by its host's clock. */
    synchronized void downtime(long stoppedUs, long resumedUs) {
        if (stoppedUs > 0 && resumedUs >= stoppedUs) {
            downtimeMs = (resumedUs - stoppedUs) / 1000.0;
        }
    }

    /** Counts where the pages go; before the last of them are pushed, so that those count for the main host. */
    void placed(PageTable table, TransferLog transfers) {
        long main = 0;
        long zero = 0;
        long[] subHosts = new long[PageEntry.MAX_HOMES];
        for (long page = 0; page < table.pages(); page++) {
            if (PageEntry.state(table.get(page)) == PageState.ZERO) {
                zero++;
                continue;
            }
            int target = transfers.dirty().contains(page)
                    ? PagePlan.MAIN
                    : transfers.plan().target(page);
            if (target == PagePlan.MAIN) {
                main++;
            } else {
                subHosts[target]++;
            }
        }
        Map<String, Long> byName = new TreeMap<>();
        for (int i = 0; i < task.lenders().size(); i++) {
            byName.put(task.lenders().get(i).host(), subHosts[i]);
        }
        synchronized (this) {
            pages = new PagePlacement(main, byName, zero);
        }
    }

    /** The same for a VM whose sub-hosts stay: what its page table has counted. */
    void placedSplit(PageTable table) {
        Map<String, Long> byName = new TreeMap<>();
        for (int i = 0; i < task.lenders().size(); i++) {
            if (task.lenders().get(i).keepsPages()) {
                byName.put(task.lenders().get(i).host(), table.countRemote(i));
            }
        }
        synchronized (this) {
            pages = new PagePlacement(table.resident(), byName, table.count(PageState.ZERO));
        }
    }

    boolean isOf(UUID uuid) {
        return vm.equals(uuid.toString());
    }

    HypervisorCall call() {
        return call;
    }

    /** Whether a call of libvirt that reaches a host's hook now is the one that this migration asked for before it was aborted. */
    synchronized boolean isLateCall(String destination) {
        return phase == MigrationPhase.ABORTED
                && task.destination().name().equals(destination)
                && call.isLate(System.nanoTime() - finishedNs);
    }

    synchronized MigrationInfo info() {
        boolean mayStart = ReadyGate.hypervisorMayStart(phase, progress);
        if (mayStart) {
            call.expected(); // this reader may be the client that calls libvirt
        }
        List<SubHostShare> shares = task.lenders().stream()
                .filter(VmRecord.Lender::keepsPages)
                .map(this::share)
                .toList();
        return new MigrationInfo(
                task.id(),
                vm,
                name,
                phase,
                source,
                task.destination().name(),
                shares,
                task.budgetBytes(),
                task.handover(),
                progress.round(),
                progress.totalBytes(),
                progress.sentBytes(),
                progress.remainingBytes(),
                progress.bytesPerSecond(),
                progress.dirtyBytesPerSecond(),
                progress.etaSeconds(),
                startedAtMs,
                finishedAtMs,
                downtimeMs,
                reason,
                pages,
                task.origin().novaMigration(),
                task.origin().requestId(),
                vmEnded ? true : null,
                mayStart,
                task.splitKind());
    }

    private SubHostShare share(VmRecord.Lender lender) {
        return new SubHostShare(
                lender.host(), Math.max(Pages.SIZE, lender.reservedBytes() - MigrationTask.SLACK_BYTES));
    }
}
