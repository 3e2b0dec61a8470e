package org.splitmem.memory.migration;

import static org.splitmem.memory.linux.Userfaultfd.REGISTER_MODE_MINOR;
import static org.splitmem.memory.linux.Userfaultfd.REGISTER_MODE_WP;

import java.io.IOException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.dirty.DirtyTracker;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.migration.Signals.Hypervisor;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.vm.Outbound;
import org.splitmem.memory.vm.OutboundBudget;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.PagingSwitch;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.workingset.HotSet;

/**
 * The copying of a VM's memory while its guest runs: rounds, until little is left, and then until the hypervisor begins. Confined to its
 * migration's thread.
 */
final class PreCopy implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PreCopy.class);
    /** While ready, a round follows the last one after this pause. */
    private static final long READY_PAUSE_NS = 200_000_000L;
    /** While it is READY scans take at most one part in so many of the time: each drops mappings of the guest. */
    private static final long READY_SCAN_SHARE = 4;

    private final Vm vm;
    private final MigrationTask task;
    private final MigrationConfig config;
    private final Signals signals;
    private final HypervisorMigration hypervisor;
    private final PeerLinks links;
    private final ReadyGate readyGate;
    private final Progress progress;
    private final Migration migration;
    private @Nullable DirtyTracker tracker;
    private @Nullable TransferLog transfers;
    private @Nullable OutboundBudget budget;
    private boolean ready;

    /** What it is a part of. */
    interface Migration {
        /** The hypervisor may be asked. */
        void isReady(String because);

        /** @throws IOException if it must not go on */
        void check() throws IOException;

        /** Whether {@link #check} would throw. */
        boolean mustStop();
    }

    PreCopy(
            Vm vm,
            MigrationTask task,
            MigrationConfig config,
            Signals signals,
            HypervisorMigration hypervisor,
            PeerLinks links,
            ReadyGate readyGate,
            Progress progress,
            Migration migration) {
        this.vm = vm;
        this.task = task;
        this.config = config;
        this.signals = signals;
        this.hypervisor = hypervisor;
        this.links = links;
        this.readyGate = readyGate;
        this.progress = progress;
        this.migration = migration;
    }

    /** @param paging of the VM, which is {@link Outbound#watch watched} */
    void run(Paging paging) throws IOException {
        GuestMemory memory = paging.memory();
        PageTable table = paging.table();
        tracker = new DirtyTracker(memory, paging.qemu());
        TransferLog its = new TransferLog(memory.pages());
        transfers = its;
        DirtyPages dirty = new DirtyPages(memory, table, its, tracker::log);
        hypervisor.connect();
        links.open(memory);
        arm(dirty, memory, table, its.plan());
        progress.planned(dirty.count(), System.nanoTime());
        RoundSender sender = new RoundSender(task.isSplit(), table, its, links.groups());
        links.sendBy(sender);
        rounds(dirty, sender);
        ready = true;
        migration.isReady(progress.remainingBytes() + " B remain after round " + progress.round());
        staySmall(dirty, sender);
    }

    private void arm(DirtyPages dirty, GuestMemory memory, PageTable table, PagePlan plan) throws IOException {
        LatePages late = task.isSplit() ? LatePages.allToMain(plan) : plan(dirty, memory, table, plan);
        vm.reached(FaultPoint.PLANNED);
        new Outbound(vm).trackWrites();
        if (task.isSplit()) {
            dirty.armSplit(links.requireControl().socket());
            budget = new Outbound(vm).keepBudget(transfers(), hypervisor::deviceObstacle);
        } else {
            dirty.arm(late);
        }
    }

    /** Which pages are hot is worth knowing only if some have to go elsewhere. */
    private LatePages plan(DirtyPages dirty, GuestMemory memory, PageTable table, PagePlan plan) throws IOException {
        dirty.adopt();
        if (task.lenders().isEmpty()) {
            return LatePages.allToMain(plan);
        }
        PagingSwitch.setModes(vm, vm.requireSession(), REGISTER_MODE_MINOR | REGISTER_MODE_WP);
        HotSet hot = new HotSet(memory, table);
        hot.sample(vm.requireSession(), config.sampleWindows(), config.sampleWindowMs() * 1_000_000L);
        migration.check();
        log.info(
                "vm={} migration={} working set {} pages of {}",
                vm.uuid(),
                task.id(),
                hot.touchedPages(),
                memory.pages());
        return MigrationPlan.make(task, table, plan, hot.touchedPages());
    }

    private void rounds(DirtyPages dirty, RoundSender rounds) throws IOException {
        RoundLimit limit = new RoundLimit(config, signals);
        for (int round = 0; ; round++) {
            progress.round(round);
            long startNs = System.nanoTime();
            round(dirty, rounds);
            long found = dirty.scanAll(this::isCut, DirtyPages.Pace.FULL) + rounds.againPages();
            progress.dirty(found, System.nanoTime() - startNs);
            log.info(
                    "vm={} migration={} round {}: {} pages sent so far, {} written meanwhile, {} ms",
                    vm.uuid(),
                    task.id(),
                    round,
                    rounds.sentPages(),
                    found,
                    (System.nanoTime() - startNs) / 1_000_000);
            if (limit.isReached(round, found)) {
                return;
            }
        }
    }

    private void round(DirtyPages dirty, RoundSender rounds) throws IOException {
        migration.check();
        rounds.send(rounds.groups(), this::isCut, sent -> progress.sent(sent, System.nanoTime()));
        migration.check();
        vm.reached(FaultPoint.ROUND_SENT);
        ControlLink control = links.requireControl();
        if (dirty.announce(control.socket())) {
            control.flush();
            new Confirmations(task, signals).awaitFreed(control, migration);
        }
    }

    private boolean isCut() {
        return migration.mustStop()
                || signals.hypervisor() == Hypervisor.SWITCHOVER
                || (ready && readyGate.isAwaited());
    }

    /** Until the hypervisor begins: what is written is sent now and then, so that little is left to send at the end. */
    private void staySmall(DirtyPages dirty, RoundSender rounds) throws IOException {
        long startNs = System.nanoTime();
        long lastNs = startNs;
        while (!isBegun(READY_PAUSE_NS)) {
            if (readyGate.isAwaited()) {
                hypervisor.leaveRamOut();
                vm.reached(FaultPoint.RAM_LEFT_OUT);
                readyGate.open();
                continue;
            }
            if (lastNs - startNs > Signals.seconds(config.readySeconds())) {
                throw new IOException("it was ready, but the hypervisor has not begun to migrate within "
                        + config.readySeconds() + " s (migration.ready-seconds)");
            }
            long found = dirty.scanAll(this::isCut, this::pace) + rounds.againPages();
            progress.dirty(found, System.nanoTime() - lastNs);
            lastNs = System.nanoTime();
            round(dirty, rounds);
        }
        migration.check();
    }

    private void pace(long tookNs) {
        signals.await(this::isCut, tookNs * (READY_SCAN_SHARE - 1));
    }

    /** @return true also if there is no more to wait for; false after the time, or if the destination's QEMU waits */
    private boolean isBegun(long pauseNs) {
        signals.await(() -> hypervisor.hasBegun() || migration.mustStop() || readyGate.isAwaited(), pauseNs);
        return hypervisor.hasBegun() || migration.mustStop();
    }

    /** Nothing is given back any more: from here on the page table changes only by what is paged in. Again does nothing. */
    void endBudget() {
        OutboundBudget its = budget;
        if (its != null) {
            its.close();
        }
    }

    /** What is to be sent, for another thread. */
    DirtyPages dirtyPages() throws IOException {
        return new DirtyPages(vm.requireMemory(), vm.requireTable(), transfers(), Objects.requireNonNull(tracker)::log);
    }

    TransferLog transfers() {
        return Objects.requireNonNull(transfers, "the migration has not begun to copy");
    }

    /** Only once all that looks at what this has noted has ended. Again does nothing. */
    @Override
    public void close() {
        endBudget();
        TransferLog its = transfers;
        if (its != null) {
            transfers = null;
            its.close();
        }
        if (tracker != null) {
            tracker.close();
        }
    }
}
