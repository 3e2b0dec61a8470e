package org.splitmem.memory.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.record.Damaged;
import org.splitmem.memory.record.RecordFile;
import org.splitmem.memory.thread.HostThreads;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/**
 * All stores of this host, and the limit of what it lends: reservations are granted only while their sum stays within it
 * and the host really has the memory. Any thread.
 */
public final class MemoryServer implements ConnectionResolver {
    private static final Logger log = LoggerFactory.getLogger(MemoryServer.class);

    /** Told of hosts that are fenced, on the thread that says so. */
    public interface FenceListener {
        /** @param vm the only one of its VMs that is meant; absent: all */
        void fenced(String host, @Nullable UUID vm);
    }

    private volatile FenceListener fences = (host, vm) -> {};
    private final Path directory;
    private final LongSupplier availableBytes;
    private final Neighbours neighbours;
    private final Map<UUID, PageStore> stores = new HashMap<>(); // guarded by this
    private final Damaged damaged = new Damaged("the store of VM");
    private final FencedOwners fenced = new FencedOwners(); // guarded by this
    private volatile Terms terms;

    /** @param closed why nothing new is lent; null if something is */
    private record Terms(long limitBytes, @Nullable String closed) {}

    /**
     * @param directory where the stores are kept
     * @param lendLimitBytes the most that may be reserved by all VMs together
     * @param availableBytes what the host could give away now
     * @param neighbours from which pages may be fetched
     */
    public MemoryServer(Path directory, long lendLimitBytes, LongSupplier availableBytes, Neighbours neighbours) {
        this.neighbours = neighbours;
        this.directory = directory;
        this.terms = new Terms(lendLimitBytes, null);
        this.availableBytes = availableBytes;
    }

    /**
     * What is lent from now on. What is reserved stays reserved.
     *
     * @param limitBytes the most that may be reserved by all VMs together
     * @param closed why nothing new is lent, for those that ask; null if something is
     */
    public synchronized void lend(long limitBytes, @Nullable String closed) {
        terms = new Terms(limitBytes, closed);
    }

    /** To be set before anything is fenced. */
    public void tellFences(FenceListener listener) {
        fences = listener;
    }

    /** Opens the stores that an earlier daemon left: their pages are the only copies there are. */
    public synchronized void recover() throws IOException {
        Files.createDirectories(directory);
        try (Stream<Path> found = Files.list(directory)) {
            for (Path entry : (Iterable<Path>) found::iterator) {
                recover(entry);
            }
        }
    }

    private void recover(Path entry) throws IOException {
        try {
            if (RecordFile.finishDeletion(entry)) {
                return;
            }
            if (isUnused(entry)) {
                RecordFile.deleteUnused(entry); // made a moment before the daemon died: nothing was acknowledged
                return;
            }
            StoreRecord record = StoreRecord.load(entry);
            if (!entry.endsWith(record.vm().toString())) {
                throw new IOException(entry + " has the record of VM " + record.vm());
            }
            PageStore opened = PageStore.openExisting(entry, record);
            stores.put(record.vm(), opened);
            log.info("vm={} store of {} pages recovered, owner {}", record.vm(), opened.heldPages(), record.owner());
        } catch (IOException e) {
            damaged.add(entry, e);
        }
    }

    /** A directory without a record in which no page is held either. */
    private static boolean isUnused(Path entry) throws IOException {
        return Damaged.uuidOf(entry) != null
                && Files.isDirectory(entry)
                && !StoreRecord.isIn(entry)
                && !PageStore.holdsAny(entry);
    }

    /**
     * Reserves memory for one VM.
     *
     * @throws RefusedException with {@link RefusalCode#NO_ROOM} if the limit or the memory does not allow it, or the VM has a reservation here; nothing is changed then
     */
    public synchronized void reserve(StoreRecord wanted) throws IOException, RefusedException {
        try {
            damaged.requireNot(wanted.vm()); // its pages are in the way
        } catch (IOException e) {
            throw noRoom(String.valueOf(e.getMessage()));
        }
        PageStore existing = stores.get(wanted.vm());
        if (existing != null) {
            String main = existing.record().mainHost();
            throw noRoom("VM " + wanted.vm() + " has a reservation here already, of host " + main
                    + (main.equals(wanted.owner())
                            ? ": release it first"
                            : ": if that host is dead, \"splitmem forget-host " + main + "\""));
        }
        String closed = terms.closed();
        if (closed != null) {
            throw noRoom(closed);
        }
        long lent = lentBytes();
        if (lent + wanted.reservedBytes() > terms.limitBytes()) {
            throw noRoom("it lends at most " + terms.limitBytes() + " B, of which " + lent
                    + " B are reserved; asked for were " + wanted.reservedBytes() + " B");
        }
        long free = availableBytes.getAsLong() - (lent - heldBytes());
        if (wanted.reservedBytes() > free) {
            throw noRoom("only " + Math.max(free, 0) + " B of its memory are free; asked for were "
                    + wanted.reservedBytes() + " B");
        }
        PageStore store = PageStore.make(directory.resolve(wanted.vm().toString()), wanted);
        stores.put(wanted.vm(), store);
        log.info("vm={} reserved {} B for {}", wanted.vm(), wanted.reservedBytes(), wanted.owner());
    }

    private static RefusedException noRoom(String why) {
        return new RefusedException(RefusalCode.NO_ROOM, why);
    }

    /**
     * What became of the stores of a host's VMs when it was fenced.
     *
     * @param kept those of VMs that may just have migrated from it: {@link StoreRecord#heir} knows
     */
    public record Fenced(List<StoreRecord> freed, List<StoreRecord> kept) {}

    /**
     * A host is fenced: what is kept for its VMs is freed, and it is refused from now on, should it come back.
     *
     * @param vm of its VMs, which then is nobody else's; absent: all
     */
    public Fenced fence(String host, @Nullable UUID vm) throws IOException {
        Fenced done = freeStoresOf(host, vm);
        fences.fenced(host, vm);
        return done;
    }

    private synchronized Fenced freeStoresOf(String host, @Nullable UUID vm) throws IOException {
        List<StoreRecord> freed = new ArrayList<>();
        List<StoreRecord> kept = new ArrayList<>();
        for (PageStore store : List.copyOf(stores.values())) {
            boolean isMeant = vm == null || vm.equals(store.record().vm());
            if (!isMeant || !isOfFenced(store, host)) {
                continue;
            }
            StoreRecord record = store.record();
            if (vm == null && !record.heir().equals(host)) {
                log.warn(
                        "vm={} is kept although its host {} is fenced: it may just have migrated to {}",
                        record.vm(),
                        host,
                        record.heir());
                kept.add(record);
                continue;
            }
            fenced.add(record, host);
            log.warn("vm={} its host {} is fenced: {} pages are freed", record.vm(), host, store.heldPages());
            free(store);
            freed.add(record);
        }
        return new Fenced(freed, kept);
    }

    private static boolean isOfFenced(PageStore store, String host) throws IOException {
        StoreRecord.Next next = store.record().next();
        if (next != null && next.host().equals(host)) {
            store.setNext(null); // should it come back
        }
        StoreRecord record = store.record();
        return record.mainHost().equals(host) || (record.owner().equals(host) && !store.isAdopted());
    }

    /** Frees a VM's pages and reservation. @return false if there was none under this token */
    public synchronized boolean release(UUID vm, String token) throws IOException {
        PageStore store = stores.get(vm);
        if (store == null || !mayRelease(store.record(), token)) {
            return false;
        }
        free(store);
        log.info("vm={} released {} B", vm, store.record().reservedBytes());
        return true;
    }

    /** The next owner says so only once the present one cannot come back. */
    private static boolean mayRelease(StoreRecord record, String token) {
        StoreRecord.Next next = record.next();
        return Hello.isSameToken(record.token(), token) || (next != null && Hello.isSameToken(next.token(), token));
    }

    /**
     * The owner of a VM that is split, and may be migrating, names who may become the owner of what is kept here: that one can read it
     * from now on.
     *
     * @param token of the owner
     * @param next null: nobody, the VM stays
     * @return false if there is no store under that token
     */
    public synchronized boolean setNextOwner(UUID vm, String token, StoreRecord.@Nullable Next next)
            throws IOException {
        PageStore store = stores.get(vm);
        if (store == null || !Hello.isSameToken(store.record().token(), token)) {
            return false;
        }
        store.setNext(next);
        log.info("vm={} {}", vm, next == null ? "stays with its owner" : "may become one of " + next.host());
        return true;
    }

    /** Guarded by this. If it cannot rename the directory, the store stays reserved, so that its owner asks again. */
    private void free(PageStore store) throws IOException {
        store.delete();
        stores.remove(store.record().vm());
    }

    /** The hosts that have made reservations here. */
    public interface Owners {
        /**
         * Whether a VM's store may still be needed.
         *
         * @throws IOException if that host does not answer
         */
        boolean want(StoreRecord store) throws IOException;
    }

    /**
     * Frees stores that no owner has ever adopted, that nobody uses, and that the host does not want any more which has made the
     * reservation: their migration died before its handover, and with it who would have released them. A host that does not
     * answer may come back with a guest that needs its pages.
     *
     * @param threads ask the hosts
     */
    public void releaseForsaken(long nowNs, Owners owners, HostThreads threads) {
        Map<String, List<PageStore>> byOwner;
        synchronized (this) {
            byOwner = stores.values().stream()
                    .filter(store -> store.isForsaken(nowNs))
                    .collect(Collectors.groupingBy(store -> store.record().owner()));
        }
        byOwner.forEach((owner, forsaken) -> threads.begin(owner, () -> {
            for (PageStore store : forsaken) {
                releaseUnlessWanted(store, owners);
            }
        }));
    }

    private void releaseUnlessWanted(PageStore store, Owners owners) {
        try {
            if (owners.want(store.record())) {
                store.keepForAWhile();
                return;
            }
            log.info(
                    "vm={} its migration ended without a word from {}",
                    store.record().vm(),
                    store.record().owner());
            release(store.record().vm(), store.record().token());
        } catch (IOException e) {
            store.keepForAWhile();
            log.warn(
                    "vm={} nobody uses its store, and it is kept for now: {}",
                    store.record().vm(),
                    e.getMessage());
        }
    }

    @Override
    public synchronized @Nullable ConnectionHandler resolve(Hello hello) throws PeerException {
        fenced.check(hello);
        PageStore store = stores.get(hello.vm());
        if (store == null || !mayUse(store.record(), hello)) {
            return null;
        }
        store.checkEpoch(hello.epoch());
        if (hello.pages() != store.pages()) {
            throw new PeerException(
                    ErrorCode.BAD_FRAME,
                    "VM " + hello.vm() + " has " + store.pages() + " pages here, " + hello.pages() + " were named");
        }
        Sender sender = store.sender(hello);
        return socket -> {
            if (!store.enter()) {
                store.checkEpoch(hello.epoch()); // freed since: says why
                return;
            }
            try {
                serve(store, sender, socket);
            } finally {
                store.leave();
            }
        };
    }

    private static boolean mayUse(StoreRecord record, Hello hello) {
        return switch (hello.role()) {
            case PAGE_IN, FETCH, PAGE_OUT -> record.isOwnedBy(hello) || record.isNext(hello);
            case PULL, STREAM -> record.isOwnedBy(hello);
            case CONTROL -> false;
        };
    }

    private void serve(PageStore store, Sender sender, FrameSocket socket) throws IOException {
        Hello hello = sender.hello();
        ConnectionHandler handler = switch (hello.role()) {
            case PAGE_IN -> new PageInConnection(store, hello);
            case FETCH -> new FetchConnection(store, hello);
            case PULL -> new PullConnection(store, hello, neighbours);
            case PAGE_OUT, STREAM, CONTROL -> new StoreConnection(store, sender);
        };
        handler.serve(socket);
    }

    /** Stores of an earlier daemon that cannot be taken up, and why: nothing of theirs is touched. */
    public Damaged damaged() {
        return damaged;
    }

    public long lendLimitBytes() {
        return terms.limitBytes();
    }

    /** What could still be lent: within the limit, and of memory that is really free. */
    public synchronized long roomBytes() {
        long lent = lentBytes();
        long room = Math.min(terms.limitBytes() - lent, availableBytes.getAsLong() - (lent - heldBytes()));
        return isClosed() ? 0 : Math.max(0, room);
    }

    /** True while nothing new is lent. */
    public boolean isClosed() {
        return terms.closed() != null;
    }

    /** @param heldBytes of pages */
    public record Kept(StoreRecord store, long heldBytes) {}

    /** What is kept for each VM. */
    public synchronized List<Kept> kept() {
        return stores.values().stream()
                .map(store -> new Kept(store.record(), Pages.toBytes(store.heldPages())))
                .toList();
    }

    /** Sum of all reservations. */
    public synchronized long lentBytes() {
        return stores.values().stream()
                .mapToLong(s -> s.record().reservedBytes())
                .sum();
    }

    /** Bytes of pages that are really kept. */
    public synchronized long heldBytes() {
        return stores.values().stream()
                .mapToLong(s -> Pages.toBytes(s.heldPages()))
                .sum();
    }
}
