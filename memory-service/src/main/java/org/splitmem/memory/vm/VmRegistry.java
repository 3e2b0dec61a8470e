package org.splitmem.memory.vm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.record.Damaged;
import org.splitmem.memory.record.RecordFile;
import org.splitmem.memory.shim.DiscardConnection;
import org.splitmem.memory.shim.DiscardHandler;
import org.splitmem.memory.shim.Qemu;
import org.splitmem.memory.shim.ShimHandler;
import org.splitmem.memory.shim.ShimSession;

/** All VMs of this host, and what happens when a QEMU attaches. Any thread. */
public final class VmRegistry implements ShimHandler {
    private static final Logger log = LoggerFactory.getLogger(VmRegistry.class);
    /** A QEMU that starts waits that long for its former RAM to be freed; its shim would wait for three times as long. */
    private static final long FREED_NS = 10_000_000_000L;

    private final Path directory;
    private final VmContext context;
    private final Set<Vm> unfreed = ConcurrentHashMap.newKeySet();
    private final MonitorSockets sockets;
    private final Map<UUID, Vm> vms = new HashMap<>(); // guarded by this
    /** VMs that are found no more, and whose files are not deleted yet: a new life in the same directory would lose them. */
    private final Set<UUID> freeing = new HashSet<>(); // guarded by this

    private final Damaged damaged = new Damaged("VM");
    private volatile Starts starts = new WholeStarts();
    private volatile BiConsumer<Vm, String> ends = (vm, because) -> {};

    /**
     * Knows no VM yet, see {@link #recover}.
     *
     * @param directory where the VMs' memory is kept
     * @param qmpDirectory where their QEMUs listen for this daemon
     * @param definitions of those that are split
     */
    public VmRegistry(Path directory, PagingConfig config, Path qmpDirectory, SplitDefinitions definitions) {
        this(directory, config, qmpDirectory, definitions, FaultPoints.NONE);
    }

    /** @param points notified at each fault point */
    public VmRegistry(
            Path directory, PagingConfig config, Path qmpDirectory, SplitDefinitions definitions, FaultPoints points) {
        this.context = new VmContext(config, qmpDirectory, definitions, points);
        this.sockets = new MonitorSockets(qmpDirectory);
        this.directory = directory;
    }

    /**
     * Takes up what an earlier daemon left: each VM waits for its shim to connect again. Those whose QEMU is gone are the
     * upkeep's to free, like any other.
     *
     * @param found told of each VM, before its shim can connect
     * @param takenUp told of each VM that is local when its shim has connected again
     */
    public synchronized void recover(Finder found, Consumer<Vm> takenUp) throws IOException {
        Files.createDirectories(directory);
        try (Stream<Path> all = Files.list(directory)) {
            for (Path entry : (Iterable<Path>) all::iterator) {
                recover(entry, found, takenUp);
            }
        }
    }

    private void recover(Path entry, Finder found, Consumer<Vm> takenUp) throws IOException {
        Vm vm;
        try {
            if (RecordFile.finishDeletion(entry)) {
                return;
            }
            if (isUnused(entry)) {
                RecordFile.deleteUnused(entry); // made a moment before the daemon died: no QEMU has seen it
                return;
            }
            VmRecord record = VmRecord.load(entry);
            if (!entry.endsWith(record.uuid().toString())) {
                throw new IOException(entry + " has the record of VM " + record.uuid());
            }
            vm = Vm.found(entry, record, context);
        } catch (IOException e) {
            damaged.add(entry, e);
            return;
        }
        vm.markRestarted(() -> takenUp.accept(vm));
        found.accept(vm);
        context.definitions().settle(vm.record());
        vms.put(vm.uuid(), vm);
        log.info(
                "vm={} ({}) found again; its QEMU was {}",
                vm.uuid(),
                vm.record().phase(),
                vm.record().pid());
    }

    /** A directory without a record, and without any RAM either. */
    private static boolean isUnused(Path entry) throws IOException {
        if (Damaged.uuidOf(entry) == null || !Files.isDirectory(entry) || VmRecord.isIn(entry)) {
            return false;
        }
        try (Stream<Path> files = Files.list(entry)) {
            return files.noneMatch(VmFiles::isRam);
        }
    }

    /** What this daemon fails to do for a VM at present, a line for each. */
    public List<String> troubles() {
        return all().stream()
                .map(Vm::paging)
                .filter(Objects::nonNull)
                .map(Paging::trouble)
                .filter(Objects::nonNull)
                .toList();
    }

    /** VMs of an earlier daemon that cannot be taken up, and why: nothing of theirs is touched. */
    public Damaged damaged() {
        return damaged;
    }

    /** Decides what becomes of VMs whose QEMU starts on this host. Called on the shims' threads. */
    public interface Starts {
        /**
         * A QEMU has started, and asks for the first part of its RAM.
         *
         * @throws IOException if it must not start: the text is QEMU's error
         */
        Vm start(UUID uuid, String name, int pid) throws IOException;

        /**
         * A VM is about to take RAM of this host; the grant is closed once its record says so.
         *
         * @throws IOException if this host has no room for it: the text is QEMU's error
         */
        Grant grant(Vm vm, long moreBytes) throws IOException;

        /** Its QEMU has exited: what it left is to be freed, here and on other hosts. */
        void ended(Vm vm);
    }

    /** Room that is promised and not taken yet. */
    public interface Grant {
        void close();
    }

    /** Every VM starts whole, and nothing limits their RAM. */
    private final class WholeStarts implements Starts {
        @Override
        public Vm start(UUID uuid, String name, int pid) throws IOException {
            return VmRegistry.this.start(VmRecord.started(uuid, name, pid), 0);
        }

        @Override
        public Grant grant(Vm vm, long moreBytes) {
            return () -> {};
        }

        @Override
        public void ended(Vm vm) {
            remove(vm, "its QEMU is gone");
        }
    }

    /** To be set before any shim can come. */
    public void setStarts(Starts decides) {
        starts = decides;
    }

    /** The daemon has come to a point at which it may die. */
    public void reached(FaultPoint point) {
        context.points().reached(point);
    }

    /** Told of a VM that an earlier daemon has served. */
    public interface Finder {
        void accept(Vm vm) throws IOException;
    }

    public synchronized @Nullable Vm find(UUID uuid) {
        return vms.get(uuid);
    }

    /** By uuid or by name. */
    public synchronized Optional<Vm> find(String uuidOrName) {
        return vms.values().stream()
                .filter(vm ->
                        vm.uuid().toString().equals(uuidOrName) || vm.name().equals(uuidOrName))
                .findFirst();
    }

    public synchronized List<Vm> all() {
        return List.copyOf(vms.values());
    }

    /** Makes room for a VM that is about to migrate to this host. @throws IOException if it is here already */
    public synchronized Vm prepare(VmRecord incoming) throws IOException {
        damaged.requireNot(incoming.uuid());
        requireFreed(incoming.uuid());
        Vm here = vms.get(incoming.uuid());
        if (here != null) {
            throw new IOException(
                    here.record().phase() == VmRecord.Phase.LEFT
                            ? "VM " + incoming.uuid()
                                    + " has not left this host for good yet: its QEMU has not ended, or pages are still fetched; ask again"
                            : "VM " + incoming.uuid() + " is on this host already ("
                                    + here.record().phase() + ")");
        }
        Vm vm = Vm.begin(directory.resolve(incoming.uuid().toString()), incoming, context);
        vms.put(incoming.uuid(), vm);
        return vm;
    }

    /** @param told of each VM that is on this host no more, and why; to be set before any is removed */
    public void tellEnds(BiConsumer<Vm, String> told) {
        ends = told;
    }

    /** Frees everything of a VM on this host. */
    public void remove(Vm vm, String because) {
        context.points().reached(FaultPoint.FREEING);
        synchronized (this) {
            if (!vms.remove(vm.uuid(), vm)) {
                return;
            }
            freeing.add(vm.uuid());
        }
        log.info("vm={} freed: {}", vm.uuid(), because);
        try {
            ends.accept(vm, because);
        } finally { // the registry has forgotten it: nothing else would free it
            free(vm);
        }
    }

    private synchronized void freed(Vm vm) {
        freeing.remove(vm.uuid());
        notifyAll();
    }

    /**
     * Waits until nothing is left of a VM's former life that another thread is freeing.
     *
     * @param endNs by {@link System#nanoTime}: no longer than until then
     */
    public synchronized void awaitFreed(UUID uuid, long endNs) {
        try {
            for (long leftMs = leftMs(endNs); leftMs > 0 && freeing.contains(uuid); leftMs = leftMs(endNs)) {
                wait(leftMs);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static long leftMs(long endNs) {
        return (endNs - System.nanoTime()) / 1_000_000;
    }

    private synchronized void requireFreed(UUID uuid) throws IOException {
        if (freeing.contains(uuid)) {
            throw new IOException(
                    "VM " + uuid + " has just ended on this host, and its former RAM is still being freed; ask again");
        }
    }

    private void free(Vm vm) {
        boolean isFreed = false;
        try {
            vm.destroy();
            isFreed = true;
        } catch (IOException | RuntimeException e) {
            if (!unfreed.contains(vm)) {
                log.error("vm={} is not freed whole, upkeep tries it again: {}", vm.uuid(), e.toString());
            }
        } finally { // after an OutOfMemoryError, too: nobody else frees it
            if (isFreed) {
                unfreed.remove(vm);
                freed(vm);
            } else {
                unfreed.add(vm);
            }
        }
    }

    /** Tries again to free the VMs that it could not free, and deletes the sockets that QEMUs have left. */
    public void sweep() {
        unfreed.forEach(this::free);
        sockets.removeUnused(uuid -> find(uuid) != null, Instant.now());
    }

    // ---- what shims ask

    @Override
    public Backend open(Qemu qemu, int index) throws IOException {
        Vm vm = vmOf(qemu.vm(), qemu.pid());
        if (vm == null) {
            awaitFreed(qemu.vm(), System.nanoTime() + FREED_NS);
            vm = starts.start(qemu.vm(), qemu.name(), qemu.pid());
        } else {
            vm.rename(qemu.name());
        }
        return new Backend(vm.openBackend(index), vm.record().expectedBytes(index));
    }

    /** The VM to which this QEMU belongs; null if that begins with it. */
    private @Nullable Vm vmOf(UUID uuid, int pid) throws IOException {
        damaged.requireNot(uuid);
        Vm known = find(uuid);
        if (known == null || known.record().pid() == pid || known.record().pid() == 0) {
            return known;
        }
        if (!known.isQemuGone()) {
            throw new IOException("VM " + uuid + " has a running QEMU already, process "
                    + known.record().pid());
        }
        if (known.record().mayBeFetchedFrom()) {
            throw new IOException("VM " + uuid + " has migrated away, and its new host still fetches pages from here");
        }
        starts.ended(known);
        return null;
    }

    /**
     * A VM begins on this host.
     *
     * @param promisedBytes that its QEMU is to map, exactly; 0: as many as it does
     * @throws IOException if it is here already, or cannot be recorded
     */
    public synchronized Vm start(VmRecord record, long promisedBytes) throws IOException {
        if (vms.containsKey(record.uuid())) {
            throw new IOException("VM " + record.uuid() + " is on this host already");
        }
        requireFreed(record.uuid());
        Vm vm = Vm.begin(directory.resolve(record.uuid().toString()), record, context);
        vm.promise(promisedBytes);
        vms.put(record.uuid(), vm);
        log.info("vm={} name={} starts here, {}", record.uuid(), record.name(), record.phase());
        return vm;
    }

    @Override
    public Watch mapped(Qemu qemu, int index, long hva, long bytes, Fd uffd) throws IOException {
        Vm vm = known(qemu.vm());
        boolean isNew =
                vm.record().phase() == VmRecord.Phase.LOCAL && vm.record().expectedBytes(index) == 0;
        Grant room = isNew ? starts.grant(vm, bytes) : () -> {};
        try {
            return vm.mapped(qemu.pid(), index, hva, bytes, uffd);
        } finally {
            room.close();
        }
    }

    @Override
    public void ready(ShimSession session) throws IOException {
        Vm vm = known(session.vm());
        vm.ready(session);
        log.info("vm={} its shim is connected", session.vm());
    }

    @Override
    public DiscardHandler discards(Qemu qemu, DiscardConnection connection) throws IOException {
        return known(qemu.vm()).givenBack().serving(qemu.pid(), connection);
    }

    private synchronized Vm known(UUID uuid) throws IOException {
        damaged.requireNot(uuid);
        Vm vm = vms.get(uuid);
        if (vm == null) {
            throw new IOException("no RAM of VM " + uuid + " is known here");
        }
        return vm;
    }

    /** Ends all machinery; the VMs' memory stays for the next daemon. */
    public synchronized void stop() {
        vms.values().forEach(Vm::stop);
    }
}
