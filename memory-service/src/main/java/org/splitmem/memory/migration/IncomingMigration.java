package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.gather.ReadAhead;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.qmp.QmpEvent;
import org.splitmem.memory.qmp.QmpMonitor;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.stream.BulkReceiver;
import org.splitmem.memory.thread.Trouble;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.PlacementList;
import org.splitmem.memory.wire.RunList;

/**
 * The receiving end of a migration to this host: takes placements and dirty sets from the source's control connection,
 * opens chunks, and tells the source what happens here.
 *
 * <p>The table is this object's alone until a chunk opens; from then on the pager's too.
 */
final class IncomingMigration {
    private static final Logger log = LoggerFactory.getLogger(IncomingMigration.class);
    /** How long a migration may be announced without its source connecting. */
    private static final long ALONE_NS = 30_000_000_000L;

    private static final long FATE_NS = 200_000_000L;
    private static final long ASK_NS = 500_000_000L;
    private static final long MONITOR_LIMIT_NS = 20_000_000_000L;
    private static final long MONITOR_RETRY_NS = 10_000_000L;

    private final Vm vm;
    private final VmRecord.Lender source;
    private final PeerHosts peers;
    private final PendingReleases releases;
    private final String id;
    private final PlacementList placements = new PlacementList();
    private final RunList runs = new RunList();
    private final NativeBlock argument = QemuMemory.newArgument();
    private final IncomingStreams streams = new IncomingStreams();
    /** Null if nothing is to be read ahead. */
    private final @Nullable ReadAhead ahead;

    private final Trouble unrecorded = new Trouble(ASK_NS * 4);
    private volatile boolean givenUp;
    // Guarded by this.
    private @Nullable FrameSocket control;
    private @Nullable QmpMonitor monitor;
    private boolean loaded;
    private long resumedUs;
    private long aloneSinceNs = System.nanoTime();
    private boolean recording;
    private boolean aheadBegun; // the control connection's

    /** @param ahead what reads the VM ahead from its memory servers; null: nothing does */
    IncomingMigration(
            Vm vm,
            VmRecord.Lender source,
            String id,
            PeerHosts peers,
            PendingReleases releases,
            @Nullable ReadAhead ahead) {
        this.ahead = ahead;
        this.releases = releases;
        this.source = source;
        this.peers = peers;
        this.vm = vm;
        this.id = id;
        vm.comesBy(chunk -> tell(FrameType.WANT_CHUNK, chunk), this::arrived);
    }

    /** One that has just been announced. @throws IOException if it has no RAM or no page table here */
    static IncomingMigration expected(Vm vm, PeerHosts.Incoming wanted, PeerHosts peers, PendingReleases releases)
            throws IOException {
        ReadAhead ahead = vm.record().mayReadAhead() ? new ReadAhead(readAhead(vm)) : null;
        return new IncomingMigration(vm, wanted.source(), wanted.migration(), peers, releases, ahead);
    }

    private static ReadAhead.Vm readAhead(Vm vm) throws IOException {
        VmRecord record = vm.record();
        Map<Integer, Endpoint> servers = new HashMap<>();
        for (int host = 0; host < record.lenders().size(); host++) {
            VmRecord.Lender lender = record.lenders().get(host);
            if (lender.keepsPages()) {
                servers.put(host, record.endpoint(lender));
            }
        }
        return new ReadAhead.Vm(
                vm.uuid().toString(), vm.requireMemory(), vm.requireTable(), servers, record.gatherRate(), vm::reached);
    }

    Vm vm() {
        return vm;
    }

    String token() {
        return source.token();
    }

    // ---- the source's connections

    void serveStream(FrameSocket socket) throws IOException {
        streams.serve(socket, new BulkReceiver(new IncomingPages(vm, vm.requireMemory(), vm.requireTable(), ahead)));
    }

    /** True if no source has come for a while, and no QEMU either. */
    synchronized boolean isForsaken(long nowNs) {
        VmRecord record = vm.record();
        boolean waits = record.phase() == VmRecord.Phase.INCOMING && record.pid() == 0 && control == null;
        return waits && nowNs - aloneSinceNs > ALONE_NS;
    }

    /** Serves the control connection. @return true if the migration was given up, and everything is to be freed */
    boolean serveControl(FrameSocket socket) throws IOException {
        synchronized (this) {
            control = socket;
        }
        try {
            return receiveControl(socket);
        } finally {
            endReadAhead();
            synchronized (this) {
                control = null;
                aloneSinceNs = System.nanoTime();
            }
            if (!givenUp
                    && vm.record().pid() != 0) { // also if the guest runs here: it may have needed a few chunks only
                inBackground("orphan-", this::awaitFateWithMonitor);
            }
        }
    }

    /** On a thread of its own, for as long as which the RAM and the table stay mapped. */
    private void inBackground(String name, Runnable task) {
        inThread(name, () -> {
            try {
                vm.using(task::run);
            } catch (IOException e) {
                log.error("vm={} {}", vm.uuid(), e.getMessage());
            }
        });
    }

    private boolean receiveControl(FrameSocket socket) throws IOException {
        PageTable table = vm.requireTable();
        int hosts = vm.record().lenders().size();
        while (socket.receive()) {
            switch (socket.type()) {
                case PLACE -> {
                    placements.receive(socket, table.pages(), hosts);
                    place(socket, table);
                    readAhead();
                    vm.reached(FaultPoint.PLACED);
                }
                case DIRTY -> dirty(socket, table);
                case FLUSH -> tell(FrameType.FLUSHED, 0);
                case HANDED_OVER -> own("its source has handed it over");
                case ABORT -> {
                    givenUp = true;
                    log.info("vm={} migration={} was given up by its source", vm.uuid(), id);
                    return !isOwner();
                }
                default -> throw socket.bad("no business on a control connection");
            }
        }
        return isWithoutQemu();
    }

    /** Whether no QEMU has come for it, so that no guest can run here. */
    boolean isWithoutQemu() {
        return !isOwner() && vm.record().pid() == 0;
    }

    private boolean isOwner() {
        return vm.record().phase() == VmRecord.Phase.PAGED;
    }

    private void place(FrameSocket socket, PageTable table) throws IOException {
        for (int i = 0; i < placements.size(); i++) {
            if (placements.state(i) == PageState.REMOTE
                    && !vm.record().lenders().get(placements.host(i)).keepsPages()) {
                throw socket.bad("pages on memory server " + placements.host(i) + ", which keeps none");
            }
            int entry = PageEntry.of(placements.state(i), placements.host(i));
            for (long page = placements.first(i); page < placements.first(i) + placements.count(i); page++) {
                requireSealed(socket, page);
                if (ahead != null && placements.state(i) == PageState.REMOTE) {
                    ahead.placed(page, placements.host(i));
                } else {
                    place(table, page, entry);
                }
            }
        }
    }

    /** One that the source has given back to a memory server need not take up memory here: the source waits, and then may send it again. */
    private void place(PageTable table, long page, int entry) throws IOException {
        int before = table.put(page, entry);
        if (PageEntry.state(before) == PageState.LOCAL && PageEntry.state(entry) == PageState.REMOTE) {
            vm.requireMemory().punch(page, 1);
        }
    }

    /** From the first placement on: before, nothing is known to be on a memory server. */
    private void readAhead() {
        if (ahead != null && !aheadBegun) {
            aheadBegun = true;
            try {
                ahead.start(task -> inBackground("ahead-", task));
            } catch (OutOfMemoryError e) { // no thread can be had: its new owner gathers it
                log.warn("vm={} migration={} nothing is read ahead: {}", vm.uuid(), id, e.getMessage());
            }
        }
    }

    private void endReadAhead() {
        if (ahead != null) {
            ahead.close();
        }
    }

    private void requireSealed(FrameSocket socket, long page) throws IOException {
        Paging paging = vm.paging();
        ChunkSeal seal = paging == null ? null : paging.seal();
        if (seal != null && !seal.isSealed(page)) {
            throw socket.bad("page " + page + ", whose chunk is open already");
        }
    }

    private void dirty(FrameSocket socket, PageTable table) throws IOException {
        endReadAhead(); // a chunk is about to open
        Paging paging = vm.paging();
        ChunkSeal seal = paging == null ? null : paging.seal();
        long chunk = socket.rawPage();
        if (paging == null || seal == null || chunk < 0 || chunk >= ChunkSeal.chunksOf(table.pages())) {
            throw socket.bad("chunk " + chunk + " while QEMU " + (paging == null ? "has not attached" : "runs"));
        }
        if (!seal.isSealed(ChunkSeal.firstPage((int) chunk))) {
            throw socket.bad("chunk " + chunk + ", which is open already");
        }
        boolean last = socket.value() == 1;
        runs.receive(socket, table.pages(), table.pages());
        long first = ChunkSeal.firstPage((int) chunk);
        long length = ChunkSeal.length((int) chunk, table.pages());
        for (int run = 0; run < runs.runs(); run++) {
            for (long page = runs.first(run); page < runs.first(run) + runs.count(run); page++) {
                if (page < first || page >= first + length) {
                    throw socket.bad("page " + page + " in the dirty set of chunk " + chunk);
                }
                markAtSource(paging, table, page);
            }
        }
        vm.reached(FaultPoint.CHUNK_TOLD);
        if (last && seal.open((int) chunk)) {
            vm.reached(FaultPoint.CHUNK_OPENED);
            paging.qemu().wake(argument, first, length);
        }
    }

    static void markAtSource(Paging paging, PageTable table, long page) {
        int before = table.put(page, PageEntry.of(PageState.AT_SOURCE));
        if (PageEntry.state(before) == PageState.REMOTE) {
            paging.homes().get(PageEntry.home(before)).drop(page); // the copy there is stale
        }
    }

    /** After a restart of this daemon: finds out whether the guest runs here already, and what the source has to say. */
    void resumeReceiving() {
        inBackground("taken-up-", this::awaitFate);
    }

    private void awaitFate() {
        while (!isOwner() && !vm.isQemuGone() && !vm.isStopped()) {
            try (QmpMonitor connected = vm.monitor()) {
                if (connected.isRunning()) {
                    own("the guest runs here");
                } else if (connected.isLoaded()) {
                    loaded();
                }
            } catch (IOException e) {
                log.debug("vm={} its QEMU cannot be asked: {}", vm.uuid(), e.getMessage());
            }
            if (!isOwner()) {
                awaitHandover(FATE_NS);
            }
        }
        while (vm.paging() == null && !vm.isQemuGone() && !vm.isStopped()) {
            LockSupport.parkNanos(FATE_NS); // until its shim has connected
        }
        orphan().run();
    }

    /** A guest that was paused is never resumed: that it is handed over then only its source can say. */
    private void awaitHandover(long pauseNs) {
        if (hasLoaded() && orphan().hasLeft()) {
            own("its source has handed it over");
        } else {
            LockSupport.parkNanos(pauseNs);
        }
    }

    /** The source, or its daemon, went away before it has said whose the VM is. */
    private void awaitFateWithMonitor() {
        orphan().run();
        while (!isOwner() && !vm.isQemuGone() && !vm.isStopped() && !givenUp) {
            awaitHandover(ASK_NS);
        }
    }

    private Orphan orphan() {
        return new Orphan(vm, source, peers, streams, argument);
    }

    /** How far it has come here, for its source. */
    PeerHosts.Arrival arrival() {
        VmRecord record = vm.record();
        return switch (record.phase()) {
            case INCOMING -> {
                if (vm.isQemuGone()) {
                    yield PeerHosts.Arrival.ABSENT;
                }
                yield hasLoaded() ? PeerHosts.Arrival.LOADED : PeerHosts.Arrival.AWAITED;
            }
            case PAGED, LOCAL, LEAVING, LEFT ->
                record.source() != null && isOwner() ? PeerHosts.Arrival.OWNED : PeerHosts.Arrival.WHOLE;
        };
    }

    private synchronized boolean hasLoaded() {
        return loaded;
    }

    // ---- QEMU here

    /**
     * QEMU has been started for the incoming stream: leaves RAM out of it.
     *
     * @throws IOException if QEMU does not confirm in time; the migration must fail then
     */
    void qemuStarted() throws IOException {
        synchronized (this) {
            if (monitor != null) {
                return; // the hook asks again and again
            }
        }
        QmpMonitor connected = connectMonitor();
        try {
            RamInStream.refuseWhatQemuSends(connected, vm.name(), "the destination");
            vm.mayLeaveRamOut(true);
            connected.ignoreShared(true);
        } catch (IOException e) {
            connected.close();
            throw e;
        }
        synchronized (this) {
            monitor = connected;
        }
        vm.reached(FaultPoint.QEMU_TOLD);
        log.info("vm={} migration={} QEMU expects the stream without RAM", vm.uuid(), id);
    }

    /** In some 50 ms the guest stops: it would stand still for longer while what is read ahead comes to its end. */
    void streamBegins() {
        if (ahead == null) {
            return;
        }
        try {
            inBackground("ahead-ends-", this::endReadAhead);
        } catch (OutOfMemoryError e) { // no thread can be had: the first dirty set ends it
            log.warn("vm={} migration={} it is read ahead for too long: {}", vm.uuid(), id, e.getMessage());
        }
    }

    private QmpMonitor connectMonitor() throws IOException {
        long endNs = System.nanoTime() + MONITOR_LIMIT_NS;
        while (true) {
            try {
                return vm.monitor(this::onQmp, this::qemuEnded);
            } catch (IOException e) {
                if (System.nanoTime() > endNs) {
                    throw new IOException(
                            "QEMU's monitor " + vm.qmpSocket() + " does not answer: " + e.getMessage(), e);
                }
                LockSupport.parkNanos(MONITOR_RETRY_NS);
            }
        }
    }

    void onQmp(QmpEvent event) {
        if (event.name().equals("RESUME")) {
            resumed(event.timestampUs());
        } else if (event.name().equals("MIGRATION") && event.status().equals("completed")) {
            loaded();
        }
    }

    /** The stream is read to its end: the guest can run here, if its source says so or the hypervisor has it run. */
    private void loaded() {
        synchronized (this) {
            if (loaded) {
                return;
            }
            loaded = true;
        }
        vm.reached(FaultPoint.LOADED);
        log.info("vm={} migration={} QEMU has loaded the guest", vm.uuid(), id);
        tell(FrameType.LOADED, 0);
        inThread("loaded-", () -> sendRamAgain(false)); // libvirt allows a save as soon as it is through, too
    }

    private void resumed(long atUs) {
        synchronized (this) {
            if (resumedUs > 0) {
                return;
            }
            resumedUs = atUs;
        }
        vm.reached(FaultPoint.RUNNING);
        tell(FrameType.RESUMED, atUs);
        vm.reached(FaultPoint.RUNNING_TOLD);
        own("the guest runs here");
    }

    /** The VM is this host's from here on, also if that cannot be written down yet: its source waits until it is. */
    private void own(String because) {
        if (!isRecorded(because)) {
            synchronized (this) {
                if (recording) {
                    return;
                }
                recording = true;
            }
            inThread("recording-", () -> record(because));
        }
        inThread("owner-", () -> sendRamAgain(true));
    }

    private void record(String because) {
        do {
            LockSupport.parkNanos(ASK_NS);
        } while (!isRecorded(because) && !vm.isQemuGone() && !vm.isStopped());
        synchronized (this) {
            recording = false;
        }
    }

    /** @return false if it cannot be written, as the memory directory is full, say */
    private boolean isRecorded(String because) {
        try {
            if (vm.arrived()) {
                vm.reached(FaultPoint.OWNED);
                log.info("vm={} migration={} is this host's: {}", vm.uuid(), id, because);
            }
            return true;
        } catch (IOException e) {
            if (unrecorded.isNews(String.valueOf(e.getMessage()))) {
                log.error("vm={} its arrival cannot be recorded, which is tried again: {}", vm.uuid(), e.getMessage());
            }
            return false;
        }
    }

    private void inThread(String name, Runnable task) {
        Thread thread = new Thread(task, name + vm.uuid());
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Later migrations, and saves, send RAM again. If QEMU does not confirm that now, upkeep asks it again.
     *
     * @param close whether the monitor is of no more use here: it serves one connection at a time
     */
    private void sendRamAgain(boolean close) {
        QmpMonitor qmp;
        synchronized (this) {
            qmp = monitor;
        }
        if (qmp == null) {
            return;
        }
        try {
            if (vm.mayLeaveRamOut() && qmp.isOpen()) {
                qmp.ignoreShared(false);
                vm.mayLeaveRamOut(false);
            }
        } catch (IOException e) {
            log.warn("vm={} x-ignore-shared stays set in QEMU for now: {}", vm.uuid(), e.getMessage());
        } finally {
            if (close) {
                qmp.close();
            }
        }
    }

    /** Also when this daemon closes its monitor, which it does only as the owner. */
    private void qemuEnded() {
        synchronized (this) {
            if (monitor == null) { // QEMU was refused
                return;
            }
        }
        if (!isOwner()) {
            log.info("vm={} migration={} QEMU has ended before the guest ran here", vm.uuid(), id);
            tell(FrameType.QEMU_ENDED, 0);
        }
    }

    /** The frame is fast, but is not answered, and its receiver may be dying: so it is told until it has said yes, too. */
    private void arrived() {
        releases.add(
                new PendingReleases.Release(PendingReleases.Kept.SOURCE, source.host(), vm.uuid(), source.token()));
        tell(FrameType.ARRIVED, 0);
    }

    private synchronized void tell(FrameType type, long value) {
        FrameSocket socket = control;
        if (socket == null) {
            return;
        }
        try {
            socket.send(type, value, 0, 0);
        } catch (IOException e) {
            log.warn("vm={} migration={} {} could not be told to the source: {}", vm.uuid(), id, type, e.getMessage());
        }
    }
}
