package org.splitmem.memory.remote;

import java.io.IOException;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.stream.Flushes;
import org.splitmem.memory.stream.PagesFrame;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RunList;

/**
 * Page-outs to one memory server, and drops of copies there that are stale.
 *
 * <p>Both go over one connection, in order: a drop that was asked for before a page-out of the same page can never delete
 * the new copy. Calls are serialized; each may wait for the peer, at most for its time limit.
 */
public final class PageOutClient implements AutoCloseable {
    private static final long ANSWER_MS = 30_000;

    private final Endpoint endpoint;
    private final Link link;
    private final GuestMemory memory;
    private final DropList drops = new DropList();
    private final RunList sending = new RunList();
    private final PagesFrame frame;
    private final Flushes flushes;
    private @Nullable FrameSocket socket;
    private volatile boolean mayHoldStale;
    /** Whether the connection was ended from outside of a call. */
    private volatile boolean isCut;

    public PageOutClient(Endpoint endpoint, GuestMemory memory) {
        this.endpoint = endpoint;
        this.link = new Link(endpoint, Hello.Role.PAGE_OUT);
        this.memory = memory;
        this.frame = new PagesFrame(memory, PagesFrame.OF_PAGE_OUT);
        this.flushes = new Flushes(memory.pages());
    }

    public Endpoint endpoint() {
        return endpoint;
    }

    /** Notes that the server's copy of a page is stale. Never waits; without room the copy stays until {@link #reconcile}. */
    public void drop(long page) {
        if (!drops.add(page)) {
            mayHoldStale = true;
        }
    }

    /** True if the server may keep pages that are not its any more, and that only {@link #reconcile} can find. */
    public boolean mayHoldStale() {
        return mayHoldStale;
    }

    /** After a restart of this daemon nobody knows which drops were sent. */
    public void suspectStale() {
        mayHoldStale = true;
    }

    /** True if drops wait to be sent. */
    public boolean hasDrops() {
        return !drops.isEmpty();
    }

    /** Sends the drops noted so far. @throws IOException if the peer is away: they are found again by reconcile */
    public synchronized void flushDrops() throws IOException {
        if (!hasDrops()) {
            return;
        }
        FrameSocket s = connected();
        try {
            sendDrops(s);
        } catch (IOException e) {
            disconnect();
            throw e;
        }
    }

    private void sendDrops(FrameSocket s) throws IOException {
        while (takeDrops()) {
            sending.sendAs(FrameType.DROP, s, 0, 0);
        }
    }

    /** Moves the newest drops to the list to send. @return false if there were none */
    private boolean takeDrops() {
        sending.clear();
        drops.takeInto(sending);
        return !sending.isEmpty();
    }

    /**
     * Stores pages on the server; when it returns, the server has acknowledged them all, but for those that are told.
     *
     * @param runs of pages that are in the RAM file
     * @param damaged told pages that did not arrive whole
     * @throws PeerException with code FULL if they do not fit the reservation: none may be taken as stored
     */
    public synchronized void store(RunList runs, Flushes.Damaged damaged) throws IOException {
        FrameSocket s = connected();
        try {
            sendDrops(s);
            frame.begin(runs);
            while (frame.read(PagesFrame.Choice.ALL)) {
                frame.send(s);
            }
            flushes.flush(s, damaged);
        } catch (IOException e) {
            disconnect();
            throw e;
        }
    }

    /** Sends the drops noted so far, and these: when it returns, the server has done what all of them say. */
    public synchronized void dropNow(RunList stale) throws IOException {
        FrameSocket s = connected();
        try {
            sendDrops(s);
            if (!stale.isEmpty()) {
                stale.sendAs(FrameType.DROP, s, 0, 0);
            }
            awaitDone(s);
        } catch (IOException e) {
            disconnect();
            throw e;
        }
    }

    private void awaitDone(FrameSocket s) throws IOException {
        flushes.flush(s, page -> {
            throw s.bad("page " + page + ", which was not sent");
        });
    }

    /**
     * Drops every copy on the server that {@code stale} names: what a lost connection or a restart left behind.
     *
     * @return pages dropped
     */
    public synchronized long reconcile(LongPredicate stale) throws IOException {
        FrameSocket s = connected();
        try {
            mayHoldStale = false;
            return reconcile(s, stale);
        } catch (IOException e) {
            disconnect();
            throw e;
        }
    }

    private long reconcile(FrameSocket s, LongPredicate stale) throws IOException {
        RunList held = new RunList();
        long dropped = 0;
        long next = 0;
        while (next < memory.pages()) {
            s.send(FrameType.LIST_HELD, next, 0, 0);
            if (!s.receive() || s.type() != FrameType.HELD) {
                throw s.bad("no HELD");
            }
            long listedTo = s.checkPage(0, memory.pages());
            held.receive(s, memory.pages(), memory.pages());
            if (listedTo <= next) {
                throw s.bad("a list that ends at " + listedTo + " and began at " + next);
            }
            dropped += dropStale(s, held, stale);
            next = listedTo;
        }
        return dropped;
    }

    private long dropStale(FrameSocket s, RunList held, LongPredicate stale) throws IOException {
        long dropped = 0;
        sending.clear();
        for (int run = 0; run < held.runs(); run++) {
            for (long page = held.first(run); page < held.first(run) + held.count(run); page++) {
                if (stale.test(page)) {
                    if (sending.isFull()) {
                        sending.sendAs(FrameType.DROP, s, 0, 0);
                        sending.clear();
                    }
                    sending.add(page);
                    dropped++;
                }
            }
        }
        if (!sending.isEmpty()) {
            sending.sendAs(FrameType.DROP, s, 0, 0);
        }
        return dropped;
    }

    /** Tells the server that the owner's epoch is the only valid one from now on. */
    public synchronized void adopt(long epoch) throws IOException {
        FrameSocket s = connected();
        try {
            s.send(FrameType.ADOPT, epoch, 0, 0);
            awaitDone(s);
        } catch (IOException e) {
            disconnect();
            throw e;
        }
    }

    private FrameSocket connected() throws IOException {
        if (isCut) {
            isCut = false;
            disconnect();
        }
        FrameSocket s = socket;
        if (s == null) {
            s = link.connect();
            s.socket().setTimeouts(ANSWER_MS, ANSWER_MS);
            socket = s;
        }
        return s;
    }

    private void disconnect() {
        mayHoldStale = true; // what was sent last may not have arrived
        if (socket != null) {
            socket.close();
            socket = null;
        }
    }

    /** A call that waits for the peer now fails, on whichever thread it is. Later ones go on. */
    public void interrupt() {
        link.interrupt();
        isCut = true;
    }

    /** The same, and later calls fail, too. */
    @Override
    public void close() {
        link.end();
        synchronized (this) {
            disconnect();
        }
    }
}
