package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.migration.HypervisorMigration.Outcome;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.vm.Outbound;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.Vm;
import org.splitmem.model.MigrationPhase;

/**
 * One VM's split migration, seen from its source host.
 *
 * <pre>
 *   PLANNED    -> PRECOPY     every memory server has reserved its share, the destination expects the VM
 *   PRECOPY    -> READY       the remainder is small, or stops shrinking, or somebody asked not to wait for that
 *   READY      -> SWITCHOVER  the hypervisor's migration has begun
 *   SWITCHOVER -> HANDOVER    the destination has the guest, see HypervisorMigration; ABORTED is no longer possible
 *   HANDOVER   -> DONE        the last page has arrived there
 *   HANDOVER   -> ABORTED     the hypervisor has resumed the guest here all the same
 *   HANDOVER   -> FAILED_AFTER_HANDOVER   what is to be done here failed again and again: upkeep goes on with it
 *   PLANNED .. SWITCHOVER -> ABORTED   a peer failed, a request aborted it, the hypervisor failed, or the VM ended
 * </pre>
 *
 * The migration's own thread alone changes the phase and sends frames; everybody else leaves word with {@link Signals}.
 */
final class OutgoingMigration implements PreCopy.Migration {
    private static final Logger log = LoggerFactory.getLogger(OutgoingMigration.class);
    /** How long the QEMU that did its part may take to end, which libvirt sees to. */
    private static final int QEMU_END_S = 10;

    /** Between two attempts to close connections in vain. */
    private static final long CLOSE_AGAIN_NS = 1_000_000_000L;

    private static final String GAVE_UP = "the hypervisor gave up its migration";

    private final Vm vm;
    private final MigrationTask task;
    private final MigrationConfig config;
    private final Runnable whenOver;
    private final Signals signals = new Signals();
    private final HypervisorMigration hypervisor;
    private final Progress progress = new Progress();
    private final ReadyGate readyGate;
    private final Reservations reservations;
    private final PeerHosts peers;
    private final String localHost;
    private final MigrationReport report;
    private final Thread thread;

    private final PeerLinks links;
    private final Attempts attempts;
    private final PreCopy preCopy;
    private @Nullable DirtyPages unsent;

    /** @param whenOver called on the migration's thread at its end, however it ends */
    OutgoingMigration(
            Vm vm,
            MigrationTask task,
            MigrationConfig config,
            Reservations reservations,
            PeerHosts peers,
            String localHost,
            Runnable whenOver) {
        this.vm = vm;
        this.task = task;
        this.config = config;
        this.whenOver = whenOver;
        this.hypervisor = new HypervisorMigration(vm, signals, localHost, config.switchoverSeconds());
        this.reservations = reservations;
        this.peers = peers;
        this.localHost = localHost;
        this.report = new MigrationReport(vm, task, localHost, progress);
        this.readyGate = new ReadyGate(signals, progress, this::phase, report.call());
        this.links = new PeerLinks(vm.uuid(), task, signals::changed);
        this.attempts = new Attempts(vm.uuid(), task.id(), report);
        this.preCopy = new PreCopy(vm, task, config, signals, hypervisor, links, readyGate, progress, this);
        this.thread = new Thread(this::run, "migration-" + vm.uuid());
        thread.setDaemon(true);
    }

    void start() {
        try {
            thread.start();
        } catch (OutOfMemoryError e) {
            enter(MigrationPhase.ABORTED, "its thread could not be started: " + e.getMessage());
            whenOver.run();
        }
    }

    private void run() {
        RequestId.isPartOf(task.origin().requestId());
        try {
            moveGuestOrGiveUp();
            if (phase() == MigrationPhase.HANDOVER) {
                completeHandover();
            }
        } finally {
            end();
        }
    }

    private void moveGuestOrGiveUp() {
        try {
            moveGuest();
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            if (!(e instanceof IOException)) {
                log.error("vm={} migration={} failed", vm.uuid(), task.id(), e);
            }
            giveUp(signals.reasonFor(e));
        }
    }

    private void moveGuest() throws IOException {
        Outbound outbound = new Outbound(vm);
        // If it is split, before its next owner is named: as long as housekeeping goes on it may tell a sub-host that
        // nobody is.
        Paging held = task.isSplit() ? outbound.watch() : null;
        reservations.make();
        vm.reached(FaultPoint.RESERVED);
        enter(MigrationPhase.PRECOPY, "memory is reserved");
        if (task.isSplit()) {
            report.placedSplit(vm.requireTable()); // what stays can be told from the beginning
        }
        preCopy.run(held == null ? outbound.watch() : held);
        switchOver();
    }

    private void enter(MigrationPhase next, String because) {
        MigrationPhase before = phase();
        report.entered(next, because); // refuses a step that is not in the table
        log.info("vm={} migration={} {} -> {}: {}", vm.uuid(), task.id(), before, next, because);
        signals.changed();
    }

    // ---- pre-copy

    @Override
    public void isReady(String because) {
        enter(MigrationPhase.READY, because);
        vm.reached(FaultPoint.READY);
    }

    @Override
    public void check() throws IOException {
        checkAbort();
    }

    @Override
    public boolean mustStop() {
        return signals.abortReason() != null || signals.isQemuGone() || links.hasDestinationFailed();
    }

    private void checkAbort() throws IOException {
        String reason = signals.abortReason();
        if (reason != null) {
            throw new IOException(reason);
        }
        if (signals.isQemuGone()) {
            throw new IOException(hypervisor.ended(localHost));
        }
        ControlLink control = links.control();
        String destination = task.destination().name();
        if (control != null && control.hasQemuEnded()) {
            throw new IOException("QEMU of VM " + vm.name() + " has ended on " + destination
                    + " before the guest was there; see its log there, libvirt's qemu/" + vm.name() + ".log");
        }
        IOException broken = control == null ? null : control.broken();
        if (broken != null) {
            throw new IOException("the destination " + destination + " is gone: " + broken.getMessage(), broken);
        }
    }

    // ---- the switch-over

    private void switchOver() throws IOException {
        enter(MigrationPhase.SWITCHOVER, "the hypervisor is migrating");
        vm.reached(FaultPoint.SWITCHOVER);
        new Outbound(vm).leaving(task.source(), task.destination().name());
        vm.requireSession().holdExit(true);
        vm.reached(FaultPoint.LEAVING);
        DirtyPages dirty = preCopy.dirtyPages();
        unsent = dirty;
        hypervisor.awaitSwitchover(this::mustStop);
        if (!hypervisor.hasSwitchedOver()) {
            checkAbort();
            throw new IOException(GAVE_UP);
        }
        preCopy.endBudget();
        vm.reached(FaultPoint.LAST_SCAN);
        SwitchOver last = new SwitchOver(
                dirty,
                links.requireControl(),
                links.requireSender(),
                vm.requireMemory().pages(),
                vm::reached);
        try {
            last.run(task.handover());
        } catch (IOException
                | RuntimeException e) { // the guest may run there already, if it needed no more than was told
            signals.abort(e instanceof IOException ? String.valueOf(e.getMessage()) : "the last scan failed: " + e);
            log.warn("vm={} migration={} not all dirty sets could be told", vm.uuid(), task.id(), e);
        }
        releaseQemu(); // its RAM is in our files, and what was written is known, or all of it counts as written
        vm.reached(FaultPoint.QEMU_RELEASED);
        place(vm.requireTable());
        awaitResume();
    }

    private void place(PageTable table) {
        if (task.isSplit()) {
            report.placedSplit(table);
        } else {
            report.placed(table, preCopy.transfers());
        }
    }

    /** From here on only the hypervisor can say where the guest runs: whoever it resumes is the owner. */
    private void awaitResume() throws IOException {
        ControlLink link = links.requireControl();
        new LastPages(vm, task, links.requireSender(), links.main(), link, new Confirmations(task, signals)).start();
        switch (hypervisor.awaitOutcome(destination(link), this::mustStop)) {
            case HERE -> throw new IOException(GAVE_UP);
            case NOWHERE -> throw new IOException(ended());
            case THERE -> {
                report.downtime(signals.stoppedUs(), link.resumedUs());
                enter(
                        MigrationPhase.HANDOVER,
                        "the guest is on " + task.destination().name());
            }
        }
    }

    private String ended() {
        return "VM " + vm.name() + " runs nowhere any more: its QEMU has ended on " + localHost
                + " in the switch-over, and no guest was loaded on "
                + task.destination().name() + "; it was shut off or destroyed, or QEMU has failed: see its log";
    }

    /** What fails is tried again: the guest is there, and pages that it may need are here. */
    private void completeHandover() {
        Exception failure = attempts.make(this::handOver);
        if (failure != null) {
            enter(
                    MigrationPhase.FAILED_AFTER_HANDOVER,
                    "the guest is on " + task.destination().name() + ", but " + localHost
                            + " could not complete the handover: " + failure.getMessage() + "; " + localHost
                            + " has to stay up until its splitmemd, which goes on serving the pages that are left, has freed them");
        }
    }

    /** One attempt. Each of its steps may have been made by an earlier one. */
    private void handOver() throws IOException {
        ControlLink link = links.requireControl();
        if (!signals.resumedHere()) {
            leave();
            link.tellHandedOver();
            link.endUnlessAllTold();
            awaitArrival(link);
            awaitQemuEnd();
        }
        if (signals.resumedHere()) {
            comeBack(link);
            return;
        }
        vm.reached(FaultPoint.ARRIVED);
        progress.finished();
        report.downtime(signals.stoppedUs(), link.resumedUs()); // QEMU may have ended here before this word came
        closeLinks();
        new Outbound(vm).fetched();
        enter(MigrationPhase.DONE, "the last page has arrived");
    }

    private void leave() throws IOException {
        vm.reached(FaultPoint.HANDOVER);
        Outbound outbound = new Outbound(vm);
        if (!vm.record().mayBeFetchedFrom()) { // it failed before that was recorded
            outbound.leaving(task.source(), task.destination().name());
        }
        outbound.left();
        vm.reached(FaultPoint.LEFT);
    }

    /**
     * Its end here is the hypervisor's agreement: before that, it may yet have the guest run here after all. One that was split would need
     * its sub-hosts then: so they are its own until the QEMU has ended, however long that takes.
     */
    private void awaitQemuEnd() {
        Signals.Test isOver = () -> signals.isQemuGone() || signals.resumedHere();
        while (!signals.await(isOver, Signals.seconds(QEMU_END_S)) && task.isSplit()) {
            report.stalled("QEMU of VM " + vm.name() + " has not ended on " + localHost + " although the guest is on "
                    + task.destination().name() + ": see libvirt's log");
        }
    }

    /** For as long as it takes: what is still here the guest may need there. */
    private void awaitArrival(ControlLink link) throws IOException {
        Signals.Test isOver = () -> link.hasArrived() || signals.hasArrived() || signals.resumedHere();
        if (isOver.holds()) {
            return; // its table may be freed
        }
        if (unsent != null) {
            progress.left(unsent.count());
        }
        new HandoverWatch(vm.uuid(), task, config.handoverStallSeconds(), progress, report, System.nanoTime())
                .await(signals, isOver, links::sentPages);
    }

    /**
     * The hypervisor found that it had failed after the destination had the guest, and has resumed it here, where all its pages are, as
     * they were when it stopped. The destination frees what it has taken over, or the sub-hosts do when it is fenced.
     */
    private void comeBack(ControlLink link) {
        hypervisor.sendRamAgain();
        link.tellAbort();
        closeLinks();
        stay();
        if (task.isSplit()) {
            reservations.release(); // its sub-hosts let the destination read no more
        }
        enter(
                MigrationPhase.ABORTED,
                "the hypervisor has resumed the guest on " + localHost + " after it was handed over to "
                        + task.destination().name() + ", so that it failed there; see libvirt's logs");
    }

    // ---- giving up

    /** Unless it is too late for that: then it is in HANDOVER afterwards. */
    private void giveUp(String reason) {
        log.warn("vm={} migration={} gives up in {}: {}", vm.uuid(), task.id(), phase(), reason);
        Outcome outcome = attempts.untilKnown(
                () -> { // before that nothing is given up that the guest may need elsewhere
                    vm.reached(FaultPoint.GIVING_UP);
                    return outcome();
                });
        if (outcome == Outcome.THERE) {
            if (phase() != MigrationPhase.SWITCHOVER) {
                enter(MigrationPhase.SWITCHOVER, "the hypervisor has migrated it");
            }
            // What this daemon failed to do the hypervisor did not wait for.
            enter(
                    MigrationPhase.HANDOVER,
                    "it failed, but the guest is on " + task.destination().name());
            return;
        }
        boolean isForItsEnd = hypervisor.hasEnded(this::releaseQemu) && reason.equals(GAVE_UP);
        String why = isForItsEnd ? hypervisor.ended(localHost) : reason;
        String because = outcome == Outcome.NOWHERE ? ended() : why;
        Exception failure = attempts.make(() -> abandon(outcome, because));
        if (failure != null) {
            enter(MigrationPhase.ABORTED, because + "; rollback incomplete: " + failure.getMessage());
        }
    }

    /** Waits until that is certain. */
    private Outcome outcome() {
        ControlLink link = links.control();
        if (link == null) {
            return Outcome.HERE;
        }
        if (!hypervisor.mayRunElsewhere()) {
            vm.reached(FaultPoint.HYPERVISOR_NOT_BEGUN);
            hypervisor.sendRamAgain();
        }
        if (!hypervisor.mayRunElsewhere()) { // it has not begun meanwhile
            return Outcome.HERE;
        }
        releaseQemu(); // that it ends may be the only sign that comes
        return hypervisor.awaitOutcome(destination(link), () -> true);
    }

    private DestinationState destination(ControlLink link) {
        return new DestinationState(vm.uuid(), task, link, peers, report);
    }

    /** One attempt. Each of its steps may have been made by an earlier one. */
    private void abandon(Outcome outcome, String reason) {
        vm.reached(FaultPoint.HYPERVISOR_GAVE_UP);
        if (outcome == Outcome.NOWHERE || signals.isQemuGone()) {
            report.vmEnded();
        }
        hypervisor.sendRamAgain(); // first: libvirt lets the next save begin as soon as it has seen the failure, too
        ControlLink control = links.control();
        if (control != null) {
            control.tellAbort();
        }
        releaseQemu();
        closeLinks();
        stay();
        reservations.release();
        enter(MigrationPhase.ABORTED, reason);
    }

    private void releaseQemu() {
        try {
            if (vm.session() != null) {
                vm.requireSession().holdExit(false);
            }
        } catch (IOException e) {
            log.debug("vm={} QEMU is gone already: {}", vm.uuid(), e.getMessage());
        }
    }

    private void stay() {
        try {
            new Outbound(vm).unwatch();
            new Outbound(vm).stays();
        } catch (IOException e) {
            if (signals.isQemuGone()) {
                log.debug("vm={} nothing is left to roll back: {}", vm.uuid(), e.getMessage());
            } else {
                log.error("vm={} rollback incomplete: {}", vm.uuid(), e.getMessage());
            }
        }
    }

    private void closeLinks() {
        links.close();
        unsent = null; // all that looked at it has ended
        preCopy.close();
        hypervisor.close();
    }

    /** The last thing: whoever waits for the VM can have it. */
    private void end() {
        if (areLinksClosed()) {
            whenOver.run();
            return;
        }
        try {
            vm.using(
                    () -> { // a stream that has not ended may still read the RAM and the table: they stay mapped
                        whenOver.run();
                        while (!areLinksClosed()) {
                            LockSupport.parkNanos(CLOSE_AGAIN_NS);
                        }
                    });
        } catch (IOException e) {
            log.error("vm={} {}", vm.uuid(), e.getMessage());
        }
    }

    private boolean areLinksClosed() {
        try {
            closeLinks();
            return true;
        } catch (RuntimeException e) {
            log.error("vm={} migration={} its connections could not be closed", vm.uuid(), task.id(), e);
            return false;
        }
    }

    // ---- for others

    /** Asks to give up. @return false if it is too late */
    boolean abort(String reason) {
        if (!phase().canAbort()) {
            return false;
        }
        signals.abort(reason);
        links.abort();
        return true;
    }

    /** Asks to be ready after the current round. @return false if it is too late */
    boolean complete() {
        signals.complete();
        return phase().canAbort();
    }

    /** The destination has every page, says a daemon that waits for an answer. @return whether that is recorded */
    boolean arrived() {
        signals.arrived();
        return signals.await(() -> phase().isOver(), Signals.seconds(5));
    }

    MigrationReport report() {
        return report;
    }

    MigrationPhase phase() {
        return report.phase();
    }

    Vm vm() {
        return vm;
    }

    MigrationTask task() {
        return task;
    }

    ReadyGate readyGate() {
        return readyGate;
    }
}
