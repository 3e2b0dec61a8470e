package org.splitmem.memory.vm;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.fault.Pager;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.qmp.QmpEvent;
import org.splitmem.memory.qmp.QmpMonitor;
import org.splitmem.memory.shim.DiscardRule;
import org.splitmem.memory.shim.ShimHandler.Watch;
import org.splitmem.memory.shim.ShimSession;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.MoveInfo;

/**
 * One VM as this host knows it: its files, its connection to QEMU, and, while it is paged or migrates, its machinery.
 *
 * <p>Any thread; guarded by its own lock, which is never held while a peer or QEMU is waited for.
 */
public final class Vm {
    private static final Logger log = LoggerFactory.getLogger(Vm.class);

    private final VmFiles files;
    private final VmContext host;
    private final GivenBack givenBack = new GivenBack(this);
    private final Mappings mappings = new Mappings();
    private VmRecord record;
    private @Nullable ShimSession session;
    private @Nullable Paging paging;
    private @Nullable Housekeeping housekeeping;
    private Pager.ChunkWanter wanter = chunk -> {};
    private Runnable whenWhole = () -> {};
    private Runnable whenTakenUp = () -> {};
    private boolean migrating;
    private boolean restarted;
    private boolean stopped;
    private final Pull pull = new Pull();
    private volatile boolean mayLeaveRamOut;
    private boolean refusesToArrive; // guarded by this
    private boolean isWhole; // the housekeeping thread's

    private Vm(Path directory, VmRecord record, VmContext host) throws IOException {
        this.host = host;
        this.files = new VmFiles(directory);
        this.record = record;
    }

    /** One that begins on this host. */
    static Vm begin(Path directory, VmRecord record, VmContext host) throws IOException {
        Vm vm = new Vm(directory, record, host);
        boolean begun = false;
        try {
            boolean paged = record.phase() == VmRecord.Phase.PAGED || record.phase() == VmRecord.Phase.INCOMING;
            if (paged && record.ramBytes() > 0) {
                vm.files.makeTable(record); // first: a VM that is recorded as paged has one
            }
            vm.files.save(record);
            begun = true;
            return vm;
        } finally {
            if (!begun) {
                vm.files.discard(); // no QEMU has seen it
            }
        }
    }

    /**
     * One that an earlier daemon has served.
     *
     * @throws IOException naming what it left that is missing, or not what it wrote
     */
    static Vm found(Path directory, VmRecord record, VmContext host) throws IOException {
        Vm vm = new Vm(directory, record, host);
        vm.files.check(record);
        return vm;
    }

    public UUID uuid() {
        return record().uuid();
    }

    public String name() {
        return record().name();
    }

    public synchronized VmRecord record() {
        return record;
    }

    /** The daemon has come to a point at which it may die. */
    public void reached(FaultPoint point) {
        host.points().reached(point);
    }

    /** @throws IllegalStateException if the VM cannot come to that phase from the one it is in */
    synchronized void save(VmRecord next) throws IOException {
        VmRecord.Phase phase = record.phase();
        if (next.phase() != phase && !phase.leadsTo(next.phase())) {
            throw new IllegalStateException("VM " + uuid() + ": " + phase + " -> " + next.phase());
        }
        files.requireThere(); // else the definition may be that of its next life
        host.definitions().follow(record, next);
        files.save(next);
        record = next;
    }

    /** Changes its record, whatever else of it is changed meanwhile. */
    synchronized void change(UnaryOperator<VmRecord> how) throws IOException {
        save(how.apply(record));
    }

    public synchronized @Nullable ShimSession session() {
        return session;
    }

    /** Where QEMU listens with the daemon's own monitor. */
    public Path qmpSocket() {
        return host.qmpDirectory().resolve(uuid() + ".sock");
    }

    /**
     * Connects to QEMU with a monitor of the daemon's own, of which it has only one at a time.
     *
     * @param events called for each event on the reading thread, which must not wait
     * @param whenEnded called once, when the connection has ended from either side
     */
    public QmpMonitor monitor(Consumer<QmpEvent> events, Runnable whenEnded) throws IOException {
        return QmpMonitor.connect(qmpSocket(), uuid().toString(), record().pid(), events, whenEnded);
    }

    /** For commands and questions alone: nobody looks at its events. */
    public QmpMonitor monitor() throws IOException {
        return monitor(event -> {}, () -> {});
    }

    /** The shim, for requests. @throws IOException if QEMU is not connected now */
    public ShimSession requireSession() throws IOException {
        ShimSession s = session();
        if (s == null) {
            throw new IOException("QEMU of VM " + name() + " is not connected to this daemon");
        }
        return s;
    }

    public synchronized @Nullable Paging paging() {
        return paging;
    }

    // ---- QEMU comes

    synchronized Fd openBackend(int index) throws IOException {
        return files.openRam(index);
    }

    /** What its host's hypervisor calls it: on another host it may have had another name. */
    synchronized void rename(String name) throws IOException {
        if (!name.equals(record.name())) {
            log.info("vm={} name={} was called {} before", uuid(), name, record.name());
            save(record.withName(name));
        }
    }

    /** It is born split: QEMU is to map that much RAM, and is paged from its first page on. To be set before it maps any. */
    synchronized void promise(long ramBytes) {
        mappings.promise(ramBytes);
    }

    /** RAM that QEMU is to map and has not, so that the guest waits at its first page. */
    public synchronized long missingBytes() {
        return paging == null ? mappings.missingBytes() : 0;
    }

    /** QEMU has mapped a backend. @return how it is watched from now on */
    synchronized Watch mapped(int pid, int index, long hva, long bytes, Fd uffd) throws IOException {
        mappings.check(record, index, bytes);
        files.requireMapped(pid, index, hva, bytes);
        if (mappings.isKnown(record, pid, index, hva)) {
            uffd.close(); // ours is as good
            return GivenBack.watch(record.phase(), 0);
        }
        if (paging != null) { // whose faults it would not read
            throw new IOException("RAM backend " + index + " comes when VM " + name() + " is paged already");
        }
        mappings.put(index, new QemuMemory.Mapping(hva, bytes, uffd));
        note(Mappings.noted(record, pid, index, bytes));
        log.info("vm={} backend {} of {} B mapped by QEMU {} ({})", uuid(), index, bytes, pid, record.phase());
        boolean paged = record.hasTable();
        if (paged) {
            startPagingIfComplete();
        }
        return GivenBack.watch(record.phase(), paged ? Paging.MODES : 0);
    }

    /**
     * One that is born split, and of which it is known only now how much RAM it has, is recorded with that once it has a page table: a
     * daemon that finds the record without the table could not tell it from one whose table was lost.
     */
    private void note(VmRecord noted) throws IOException {
        if (noted.phase() != VmRecord.Phase.PAGED || files.hasTable()) {
            if (!noted.equals(record)) {
                save(noted);
            }
            return;
        }
        record = noted;
        if (mappings.isComplete(noted)) {
            files.makeTable(noted);
            save(noted);
        }
    }

    /** What takes back the memory that its guest gives back. */
    GivenBack givenBack() {
        return givenBack;
    }

    /** The shim can be asked from now on. @throws IOException if it does not answer: QEMU counts as not connected then */
    void ready(ShimSession newSession) throws IOException {
        boolean plain = endSession();
        if (plain) { // an earlier daemon may have died in the middle of a migration
            newSession.reset(); // before anybody else may ask: a split that began now would have its modes undone
        }
        synchronized (this) {
            if (stopped) {
                throw new IOException("this daemon serves it no more");
            }
            session = newSession;
        }
        if (plain) {
            whenTakenUp.run();
        }
    }

    /** @return whether the kernel alone serves the VM */
    private boolean endSession() {
        ShimSession before;
        boolean plain;
        synchronized (this) {
            before = session;
            session = null;
            plain = record.phase() == VmRecord.Phase.LOCAL && !migrating;
        }
        if (before != null) {
            before.disconnect();
        }
        return plain;
    }

    /**
     * It was found at the start of this daemon: an earlier one served it. To be called before QEMU connects.
     *
     * @param takenUp called when it does
     */
    synchronized void markRestarted(Runnable takenUp) {
        restarted = true;
        mayLeaveRamOut = true; // nothing tells what the earlier one had set
        whenTakenUp = takenUp;
    }

    private void startPagingIfComplete() throws IOException {
        if (paging != null || !mappings.isComplete(record)) {
            return;
        }
        Paging started = newPaging(record, record.isSealed() ? files.seal(record) : null, host.paging());
        if (restarted) {
            started.recover();
            pull.set(record.isToBeWhole());
        }
        started.start();
        started.wakeAll();
        paging = started;
        if (!record.leavesSplit()) { // else upkeep finds out whether it has left
            startHousekeeping(started);
        }
    }

    private Paging newPaging(VmRecord as, @Nullable ChunkSeal seal, PagingConfig how) throws IOException {
        GuestMemory ram = requireMemory();
        return new Paging(as, ram, mappings.of(ram, record.pid()), requireTable(), how, seal, wanter, host.points());
    }

    /** The RAM. @throws IOException if QEMU has not mapped it, so that its size is not known */
    public GuestMemory requireMemory() throws IOException {
        return files.memory(record());
    }

    /** Runs something that uses the RAM or the table on a thread that {@link #stop} does not end. */
    public <E extends Exception> void using(Use<E> use) throws E, IOException {
        files.enter();
        try {
            use.run();
        } finally {
            files.leave();
        }
    }

    /** The page table. @throws IOException if it is not paged now */
    public PageTable requireTable() throws IOException {
        return files.table(record());
    }

    // ---- migration: away from here

    /**
     * Takes a local VM under the daemon's eyes for a migration: a fresh page table, and a pager for its MINOR faults.
     *
     * @throws IOException if QEMU is not connected
     */
    Paging watch() throws IOException {
        return watch(record(), host.paging().watching());
    }

    /** The same for a split: as the owner that it will have. */
    Paging watch(VmRecord next) throws IOException {
        return watch(next, host.paging());
    }

    private Paging watch(VmRecord as, PagingConfig how) throws IOException {
        ShimSession shim = requireSession();
        synchronized (this) {
            if (paging != null || migrating) {
                throw new IOException("VM " + name() + " is paged already");
            }
            migrating = true;
        }
        try {
            // The table is made from what the file has, and discards leave no trace in write tracking.
            shim.setDiscards(DiscardRule.IGNORED);
            return startWatch(as, how);
        } catch (IOException | RuntimeException e) {
            endWatch();
            throw e;
        }
    }

    private synchronized Paging startWatch(VmRecord as, PagingConfig how) throws IOException {
        files.makeTable(as);
        Paging started = newPaging(as, null, how);
        started.start();
        paging = started;
        return started;
    }

    /** Ends {@link #watch}: it has no pager and no page table any more. */
    void endWatch() throws IOException {
        Paging ended;
        synchronized (this) {
            ended = paging;
            paging = null;
            migrating = false;
        }
        if (ended != null) {
            ended.close();
        }
        files.discardTable();
    }

    /**
     * It is split, and is about to leave: nothing is paged out from now on, and nothing is told to its memory servers.
     *
     * @throws IOException if it is not paged in full, or just changes
     */
    Paging holdPageOuts() throws IOException {
        Housekeeping held;
        Paging paged;
        synchronized (this) {
            held = housekeeping;
            paged = paging;
            if (paged == null || held == null || migrating) {
                throw new IOException("VM " + name() + " is not settled on this host: ask again");
            }
            migrating = true;
            housekeeping = null;
        }
        held.close();
        return paged;
    }

    /** Ends {@link #holdPageOuts}, also of an earlier daemon. */
    synchronized void allowPageOuts() {
        migrating = false;
        if (paging != null && housekeeping == null && !stopped) {
            startHousekeeping(paging);
        }
    }

    // ---- migration: to here

    /** Who asks the source for a chunk, and what housekeeping runs once every page has come; to be set before QEMU attaches. */
    public synchronized void comesBy(Pager.ChunkWanter asks, Runnable callback) {
        wanter = asks;
        whenWhole = callback;
    }

    /** It was handed over to here: this host is the owner. @return false if it was already, or cannot become that any more */
    public synchronized boolean arrived() throws IOException {
        if (record.phase() != VmRecord.Phase.INCOMING || refusesToArrive) {
            return false;
        }
        save(record.withPhase(VmRecord.Phase.PAGED));
        return true;
    }

    /**
     * It is about to be freed: from now on it cannot become this host's, which would not release its stores on memory servers.
     *
     * @return false if it is this host's
     */
    public synchronized boolean refuseToArrive() {
        refusesToArrive = record.phase() == VmRecord.Phase.INCOMING;
        return refusesToArrive;
    }

    /** Whether QEMU may have been left with a setting with which a migration, or a save, would lose the RAM. */
    public boolean mayLeaveRamOut() {
        return mayLeaveRamOut;
    }

    /** @param may false once QEMU has confirmed that it sends RAM */
    public void mayLeaveRamOut(boolean may) {
        mayLeaveRamOut = may;
    }

    // ---- for PagingSwitch

    synchronized void unpaged() throws IOException {
        save(record.withoutLenders().withPhase(VmRecord.Phase.LOCAL));
        housekeeping = null;
    }

    void endPaging(Paging ended) throws IOException {
        ended.close();
        files.discardTable();
        synchronized (this) {
            paging = null;
        }
    }

    synchronized void startHousekeeping(Paging p) {
        housekeeping = new Housekeeping(this, p, host.paging(), pull);
        housekeeping.start();
    }

    void paged(Paging p, VmRecord next) throws IOException {
        save(next);
        reached(FaultPoint.SPLIT_RECORDED);
        synchronized (this) {
            migrating = false;
            startHousekeeping(p);
        }
    }

    // ---- paging

    /** Called by housekeeping: what can be concluded is. */
    void settle() throws IOException {
        Paging p = paging();
        if (p == null || record().source() == null || !mayPageOutLater(p)) {
            return;
        }
        if (!p.awaitsSource() && !isWhole) {
            reached(FaultPoint.WHOLE);
            whenWhole.run(); // before the source is forgotten: the next daemon would not know whom to tell
            p.forgetSource();
            isWhole = true;
            log.info("vm={} the last page has arrived from the source", uuid());
        }
        if (isWhole
                && !record().sharesLenders()) { // else it is forgotten once it has confirmed that the guest cannot come
            // back
            change(VmRecord::withoutSource);
        }
    }

    /** The migration's source is done with the VM: what memory servers keep is this host's alone. Housekeeping follows. */
    synchronized void takeOver() throws IOException {
        VmRecord shared = record;
        save(record.takenOver());
        if (paging != null) {
            paging.suspectStale(shared); // what the source had here it has not dropped there
        }
        pull.set(record.isToBeWhole());
    }

    private boolean mayPageOutLater(Paging p) {
        ChunkSeal seal = p.seal();
        return record().isPaged() && (seal == null || seal.allOpen());
    }

    boolean mayPageOut() {
        Paging p = paging();
        synchronized (this) {
            return p != null && !migrating && record.source() == null && mayPageOutLater(p);
        }
    }

    public synchronized long budgetPages() {
        return record.budgetPages();
    }

    /** Changes the budget; housekeeping follows it. */
    public void setBudget(long bytes) throws IOException {
        setBudget(bytes, 0);
    }

    /** @param gatherRate with which pages come back at most if it grows, in bytes a second; 0: no limit */
    public synchronized void setBudget(long bytes, long gatherRate) throws IOException {
        long before = budgetPages();
        save(record.withBudget(bytes, gatherRate));
        pull.set(budgetPages() > before || record.isToBeWhole());
    }

    /** How far it is gathered; null if it is not being gathered. */
    public @Nullable GatherInfo gathering() {
        Housekeeping h = housekeeping();
        return h == null || !pull.isOn() ? null : h.gathering();
    }

    /** How far each memory server is emptied that is to be, by a record of this VM. */
    public List<MoveInfo> moves(VmRecord record) {
        return Emptying.of(record, paging(), housekeeping());
    }

    /** Which device has come since it was split that forbids to send pages out, and why; null if there is none. */
    public @Nullable String obstacle() {
        Housekeeping h = housekeeping();
        return h == null ? null : h.obstacle();
    }

    public @Nullable Long workingSetBytes() {
        Housekeeping h = housekeeping();
        return h == null ? null : h.workingSetBytes();
    }

    synchronized @Nullable Housekeeping housekeeping() {
        return housekeeping;
    }

    // ---- the end

    /** True if its QEMU has exited. */
    public boolean isQemuGone() {
        return record().isQemuGone();
    }

    /** True once this object serves no more: freed, or left to the next daemon. */
    public synchronized boolean isStopped() {
        return stopped;
    }

    /** Ends the machinery and frees everything of the VM on this host, its RAM included. */
    void destroy() throws IOException {
        stop();
        files.delete();
        VmFiles.deleteUnusedSocket(qmpSocket());
    }

    /** Ends the machinery and leaves everything else for the next daemon. */
    void stop() {
        Housekeeping h;
        Paging p;
        ShimSession s;
        synchronized (this) {
            h = housekeeping;
            p = paging;
            s = session;
            stopped = true;
            housekeeping = null;
            paging = null;
            session = null;
        }
        givenBack.stop();
        if (h != null) {
            h.close();
        }
        if (p != null) {
            p.close();
        }
        if (s != null) {
            s.disconnect();
        }
        synchronized (this) {
            mappings.close();
        }
    }
}
