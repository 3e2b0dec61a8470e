package org.splitmem.memory.server;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.StampedLock;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.guest.MappedFile;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.Mman;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.linux.Unistd;
import org.splitmem.memory.page.PageSet;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.record.RecordFile;
import org.splitmem.memory.stream.ReceivedPages;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RunList;

/**
 * The pages of one VM that this host keeps for another, within a reservation.
 *
 * <p>A page is held once its bytes and its checksum are in place; only then is it acknowledged. All of it lives in files of
 * the memory directory, so it survives this daemon. Any thread; the owner never asks for a page while it drops it.
 */
final class PageStore {
    /** A migration keeps its streams open, so a store without any has lost its migration. */
    private static final long FORSAKEN_NS = 30_000_000_000L;

    private static final String DATA = "pages", HELD = "held", CRC = "crc";

    private volatile StoreRecord record; // written under this
    private final Path directory;
    private final long pages;
    private final MappedFile data;
    private final MappedFile heldFile;
    private final MappedFile crcFile;
    private final PageSet held;
    private final Checksums checksums;
    private final AtomicLong heldPages = new AtomicLong();
    private final AtomicLong claimedPages = new AtomicLong();
    private final AtomicLong epoch;
    /** The number of the page-out connection that was made last. */
    private final AtomicLong connections = new AtomicLong();
    /**
     * Held for reading by whoever changes what is held, after a look whether it still may; for writing while that changes, and while pages come
     * that only count if the owner has sent none.
     */
    private final StampedLock changing = new StampedLock();

    private long pullTurn; // guarded by changing
    /** The latest of the owner's page-out connections on which it has said anything. */
    private long latest; // guarded by changing

    /** How many had been made when the next owner was named. */
    private long connectionsBeforeNext; // guarded by this

    private volatile boolean adopted;
    private int users; // guarded by this
    private long unusedSinceNs = System.nanoTime(); // guarded by this
    private volatile boolean retired; // written under this
    private boolean gone; // its directory; guarded by this
    private boolean closed; // guarded by this

    private PageStore(StoreRecord record, Path directory, MappedFile data, MappedFile heldFile, MappedFile crcFile) {
        this.record = record;
        this.directory = directory;
        this.pages = record.pages();
        this.data = data;
        this.heldFile = heldFile;
        this.crcFile = crcFile;
        this.held = new PageSet(Mman.view(heldFile.address(), (int) heldFile.bytes()), pages);
        this.checksums = new Checksums(crcFile, pages);
        this.epoch = new AtomicLong(record.epoch());
        this.adopted = record.adopted();
        heldPages.set(held.count());
        claimedPages.set(heldPages.get());
    }

    /** A new store. */
    static PageStore make(Path directory, StoreRecord record) throws IOException {
        Files.createDirectories(directory);
        List<MappedFile> opened = new ArrayList<>();
        boolean made = false;
        try {
            opened.add(MappedFile.openSparse(directory.resolve(DATA), Pages.toBytes(record.pages())));
            opened.add(MappedFile.open(directory.resolve(HELD), PageSet.bytesFor(record.pages())));
            opened.add(MappedFile.openSparse(directory.resolve(CRC), Checksums.bytesFor(record.pages())));
            PageStore store = new PageStore(record, directory, opened.get(0), opened.get(1), opened.get(2));
            record.save(directory);
            made = true;
            return store;
        } finally {
            if (!made) { // nothing was promised, and nobody would free it
                opened.forEach(MappedFile::close);
                RecordFile.deleteUnused(directory);
            }
        }
    }

    /** One that an earlier daemon has left. @throws IOException naming the file that is missing, or not as long as it was */
    static PageStore openExisting(Path directory, StoreRecord record) throws IOException {
        MappedFile data = MappedFile.openExistingSparse(directory.resolve(DATA), Pages.toBytes(record.pages()));
        MappedFile held = MappedFile.openExisting(directory.resolve(HELD), PageSet.bytesFor(record.pages()));
        MappedFile crc = MappedFile.openExistingSparse(directory.resolve(CRC), Checksums.bytesFor(record.pages()));
        return new PageStore(record, directory, data, held, crc);
    }

    /** Whether a directory has a store in which a page is held, whatever its record says. */
    static boolean holdsAny(Path directory) throws IOException {
        Path held = directory.resolve(HELD);
        if (!Files.exists(held)) {
            return false;
        }
        try (InputStream in = Files.newInputStream(held)) {
            byte[] some = new byte[1 << 16];
            for (int n = in.read(some); n > 0; n = in.read(some)) {
                for (int i = 0; i < n; i++) {
                    if (some[i] != 0) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    StoreRecord record() {
        return record;
    }

    long pages() {
        return pages;
    }

    long heldPages() {
        return heldPages.get();
    }

    /** What a connection that is being made may change here: to be asked before its peer hears that it is made. */
    Sender sender(Hello hello) {
        boolean isOnly = hello.role() == Hello.Role.PAGE_OUT;
        return new Sender(hello, isOnly ? connections.incrementAndGet() : Sender.ONE_OF_MANY);
    }

    /**
     * From now on only the caller's epoch, or a newer one, is the owner's. The caller is the owner, or the next one, which it becomes. Whoever
     * was named as the next one before it connected is not that any more: its daemon may not know whom an earlier one has named.
     *
     * @throws PeerException if it is neither any more
     */
    synchronized void adopt(Sender by) throws IOException { // an owner's connections do it at the same time
        Hello hello = by.hello();
        requireThere();
        StoreRecord.Next heir = record.next();
        StoreRecord adoptedBy;
        if (record.isOwnedBy(hello)) {
            boolean knowsHeir = by.connection() <= connectionsBeforeNext;
            adoptedBy = record.withNext(knowsHeir ? heir : null).adoptedBy(hello.epoch());
        } else if (heir != null && record.isNext(hello)) {
            adoptedBy = record.adoptedBy(heir);
        } else {
            throw notItsOwner(hello);
        }
        if (hello.epoch() < epoch.get()) {
            throw new PeerException(ErrorCode.STALE_EPOCH, staleEpoch(hello.epoch(), epoch.get()));
        }
        boolean isAnother = !adoptedBy.token().equals(record.token()) || hello.epoch() > epoch.get();
        adoptedBy.save(directory);
        record = adoptedBy;
        if (isAnother) {
            beginEpoch(by); // last: who is refused for it finds the record changed
        }
        adopted = true;
    }

    /** What an older one is just about to change is changed before, or not at all. */
    private void beginEpoch(Sender owner) {
        long stamp = changing.writeLock();
        try {
            epoch.accumulateAndGet(owner.hello().epoch(), Math::max);
            latest = owner.connection();
        } finally {
            changing.unlockWrite(stamp);
        }
    }

    /** Names who may become the owner, in place of whoever was named before; null: nobody. */
    synchronized void setNext(StoreRecord.@Nullable Next heir) throws IOException {
        requireThere();
        StoreRecord named = record.withNext(heir);
        named.save(directory);
        record = named;
        connectionsBeforeNext = connections.get(); // an ADOPT on one of them says nothing of this one
    }

    /**
     * The owner says something on a connection for the first time: nothing that comes on an earlier one counts any more.
     *
     * @return false if the caller may only read
     * @throws PeerException if it has said something on a later one already
     */
    boolean begin(Sender sender) throws PeerException {
        if (!record.isOwnedBy(sender.hello())) {
            return false;
        }
        long stamp = changing.writeLock();
        try {
            checkEpoch(sender.hello().epoch());
            if (sender.connection() != Sender.ONE_OF_MANY) {
                if (sender.connection() < latest) {
                    throw superseded();
                }
                latest = sender.connection();
            }
            return true;
        } finally {
            changing.unlockWrite(stamp);
        }
    }

    /** Within {@link #changing}. @throws PeerException if what it sends does not count any more */
    private void requireLatest(Sender sender) throws PeerException {
        checkEpoch(sender.hello().epoch());
        if (sender.connection() != Sender.ONE_OF_MANY && sender.connection() != latest) {
            throw superseded();
        }
    }

    private PeerException superseded() {
        return new PeerException(
                ErrorCode.STALE_EPOCH, "the owner of VM " + record.vm() + " sends on a later connection");
    }

    PeerException notItsOwner(Hello by) {
        return new PeerException(
                ErrorCode.STALE_EPOCH,
                "VM " + record.vm() + " is another owner's here: epoch " + by.epoch() + " was shown, its owner has "
                        + epoch.get());
    }

    /** @throws PeerException if it is not the newest owner's, or the store is freed: nothing more is acknowledged then */
    void checkEpoch(long shown) throws PeerException {
        requireThere();
        if (shown < epoch.get()) {
            throw new PeerException(ErrorCode.STALE_EPOCH, staleEpoch(shown, epoch.get()));
        }
    }

    private void requireThere() throws PeerException {
        if (retired) {
            throw new PeerException(ErrorCode.STALE_EPOCH, "what VM " + record.vm() + " had here is freed");
        }
    }

    private String staleEpoch(long shown, long newest) {
        return "VM " + record.vm() + " has a newer owner: epoch " + shown + " was shown, the newest is " + newest;
    }

    /**
     * Makes room for pages that are about to arrive.
     *
     * @return how many of them are new here, for {@link #settle}
     * @throws PeerException FULL if they do not fit the reservation; nothing is changed then
     */
    long admit(RunList runs) throws PeerException {
        long added = 0;
        for (int run = 0; run < runs.runs(); run++) {
            for (long page = runs.first(run); page < runs.first(run) + runs.count(run); page++) {
                if (!held.contains(page)) {
                    added++;
                }
            }
        }
        admit(added);
        return added;
    }

    private void admit(long added) throws PeerException {
        if (claimedPages.addAndGet(added) > Pages.fromBytes(record.reservedBytes())) {
            claimedPages.addAndGet(-added);
            throw new PeerException(
                    ErrorCode.FULL,
                    "the reservation of VM " + record.vm() + " is full: " + record.reservedBytes() + " B are reserved, "
                            + Pages.toBytes(claimedPages.get()) + " B are used; reserve more or use another sub-host");
        }
    }

    /**
     * Writes admitted pages of one run: bytes and checksums first, then they count as held.
     *
     * @param address of their bytes in {@code frame}, which knows the checksums that came with them
     * @return how many are new here
     * @throws PeerException if what this one sends does not count any more
     */
    long store(long first, long count, long address, ReceivedPages frame, Sender sender) throws IOException {
        long stamp = changing.readLock();
        try {
            requireLatest(sender);
            return write(first, count, address, frame.checksumsOf(address));
        } finally {
            changing.unlockRead(stamp);
        }
    }

    private long write(long first, long count, long address, long sums) throws LinuxException {
        Unistd.writeAt(data.fd(), address, Pages.toBytes(count), Pages.toBytes(first));
        checksums.put(first, count, sums);
        long added = 0;
        for (long page = first; page < first + count; page++) {
            if (held.add(page)) {
                added++;
            }
        }
        heldPages.addAndGet(added);
        return added;
    }

    /** A connection begins to pull pages from another memory server. @return what {@link #storePulled} is to show: no earlier one is good */
    long beginPulling() {
        long stamp = changing.writeLock();
        try {
            return ++pullTurn;
        } finally {
            changing.unlockWrite(stamp);
        }
    }

    /**
     * Stores pages of one run that come from another memory server; a page that is held is newer, and stays.
     *
     * @param address of their bytes
     * @param sums address of their checksums
     * @param turn as {@link #beginPulling} said
     * @param stored gets those that are stored now
     * @throws PeerException FULL if they do not fit the reservation, or STALE_EPOCH if a later connection pulls: the rest is not stored then
     */
    void storePulled(long first, long count, long address, long sums, long turn, RunList stored) throws IOException {
        long stamp = changing.writeLock();
        try {
            if (turn != pullTurn || retired) {
                throw new PeerException(
                        ErrorCode.STALE_EPOCH, "pages of VM " + record.vm() + " are pulled on a later connection");
            }
            long end = first + count;
            for (long page = first; page < end; page++) {
                long from = page;
                while (page < end && !held.contains(page)) {
                    page++;
                }
                if (page > from) {
                    admit(page - from);
                    long at = from - first;
                    write(from, page - from, address + Pages.toBytes(at), sums + at * Integer.BYTES);
                    stored.add(from, page - from);
                }
            }
        } finally {
            changing.unlockWrite(stamp);
        }
    }

    /**
     * To follow each {@link #admit}: frees the room of pages that are not held, since they did not arrive, or were damaged, or are named
     * twice, and what was written of them.
     *
     * @param admitted what {@link #admit} answered
     * @param stored pages that {@link #store} has added
     */
    void settle(RunList runs, long admitted, long stored) throws LinuxException {
        if (stored == admitted) {
            return;
        }
        long stamp = changing.writeLock(); // a later connection may just store one of them
        try {
            punchUnlessHeld(runs);
        } finally {
            changing.unlockWrite(stamp);
        }
        claimedPages.addAndGet(stored - admitted);
    }

    private void punchUnlessHeld(RunList runs) throws LinuxException {
        for (int run = 0; run < runs.runs(); run++) {
            for (long page = runs.first(run); page < runs.first(run) + runs.count(run); page++) {
                if (!held.contains(page)) {
                    Unistd.punchHole(data.fd(), Pages.toBytes(page), Pages.SIZE);
                }
            }
        }
    }

    boolean holds(long page) {
        return held.contains(page);
    }

    /** As it came with the page. */
    int checksum(long page) {
        return checksums.get(page);
    }

    /** In the daemon's mapping; only to be read while the page is held. */
    long address(long page) {
        return data.address() + Pages.toBytes(page);
    }

    /** @param position 8 bytes to work with */
    void sendPages(StreamSocket to, NativeBlock position, long first, long count) throws IOException {
        to.sendFile(data.fd(), position, Pages.toBytes(first), Pages.toBytes(count));
    }

    long list(long from, RunList into) {
        return into.fill(held, from);
    }

    /** Frees the pages; those that are not held are passed over. @throws PeerException if what this one sends does not count any more */
    void drop(RunList runs, Sender sender) throws IOException {
        long stamp = changing.readLock();
        try {
            requireLatest(sender);
            dropHeld(runs);
        } finally {
            changing.unlockRead(stamp);
        }
    }

    private void dropHeld(RunList runs) throws LinuxException {
        for (int run = 0; run < runs.runs(); run++) {
            long dropped = 0;
            for (long page = runs.first(run); page < runs.first(run) + runs.count(run); page++) {
                if (held.remove(page)) {
                    dropped++;
                }
            }
            Unistd.punchHole(data.fd(), Pages.toBytes(runs.first(run)), Pages.toBytes(runs.count(run)));
            heldPages.addAndGet(-dropped);
            claimedPages.addAndGet(-dropped);
        }
    }

    boolean isAdopted() {
        return adopted;
    }

    /** True if no owner has adopted it, and no connection has used it for a while. */
    synchronized boolean isForsaken(long nowNs) {
        return !adopted && users == 0 && nowNs - unusedSinceNs > FORSAKEN_NS;
    }

    /** Somebody may come back to it: it is not forsaken for another while. */
    synchronized void keepForAWhile() {
        unusedSinceNs = System.nanoTime();
    }

    /** A connection begins to use the store. @return false if it is retired */
    synchronized boolean enter() {
        if (retired) {
            return false;
        }
        users++;
        return true;
    }

    /** A connection ended. */
    synchronized void leave() {
        users--;
        unusedSinceNs = System.nanoTime();
        unmapIfUnused();
    }

    /**
     * Frees it; nothing touches its files afterwards, as they may be those of another store by then. The mapping goes with the last connection:
     * unmapping under a thread would kill the JVM. After an error it can be called again.
     */
    synchronized void delete() throws IOException {
        retired = true;
        if (!gone) {
            RecordFile.deleteDirectory(directory);
            gone = true;
        }
        if (!closed) {
            Unistd.punchHole(data.fd(), 0, data.bytes()); // the memory is free now, however long a connection lingers
        }
        unmapIfUnused();
    }

    private void unmapIfUnused() {
        if (gone && users == 0 && !closed) {
            closed = true;
            data.close();
            heldFile.close();
            crcFile.close();
        }
    }
}
