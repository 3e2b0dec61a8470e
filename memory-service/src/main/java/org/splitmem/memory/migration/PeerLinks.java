package org.splitmem.memory.migration;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.stream.RateLimiter;
import org.splitmem.memory.wire.Hello;

/**
 * One migration's connections to other hosts: the streams to the destination and to each sub-host, and the control connection.
 *
 * <p>The migration's thread opens and closes them; {@link #abort} and what only asks may come from any thread.
 */
final class PeerLinks implements AutoCloseable {
    private final UUID vm;
    private final MigrationTask task;
    private final Runnable changed;
    private final RateLimiter limiter;
    private final List<StreamGroup> groups = new CopyOnWriteArrayList<>(); // an abort comes from another thread
    private volatile @Nullable ControlLink control;
    private volatile @Nullable RoundSender sender;

    /** @param changed called after anything came in on the control connection; must not wait */
    PeerLinks(UUID vm, MigrationTask task, Runnable changed) {
        this.vm = vm;
        this.task = task;
        this.changed = changed;
        this.limiter = new RateLimiter(task.bandwidthBytesPerSecond());
    }

    /** Connects to every host. @throws IOException also if it was aborted; what is open by then is for {@link #close} */
    void open(GuestMemory memory) throws IOException {
        Endpoint main = endpoint(task.destination(), task.source().token(), memory.pages());
        groups.add(new StreamGroup(PagePlan.MAIN, main));
        if (!task.isSplit()) {
            task.subHosts()
                    .forEach((i, peer) -> groups.add(new StreamGroup(
                            i,
                            endpoint(peer, task.lenders().get(i).token(), memory.pages())
                                    .withEpoch(task.epoch() - 1)))); // ends when the destination adopts its own
        }
        for (StreamGroup group : groups) {
            group.open(task.streams(), memory, limiter);
        }
        ControlLink link = new ControlLink(main.connect(Hello.Role.CONTROL), memory.pages(), changed);
        link.start();
        control = link;
    }

    private Endpoint endpoint(PeerHosts.Peer peer, String token, long pages) {
        InetSocketAddress address = new InetSocketAddress(peer.address(), peer.dataPort());
        return new Endpoint(peer.name(), address, vm, token, task.epoch(), pages);
    }

    List<StreamGroup> groups() {
        return groups;
    }

    /** The streams to the destination alone. */
    List<StreamGroup> main() {
        return List.of(groups.get(0));
    }

    /** @param rounds what sends over these streams; it is closed before them */
    void sendBy(RoundSender rounds) {
        sender = rounds;
    }

    /** Null until the destination is connected. */
    @Nullable
    ControlLink control() {
        return control;
    }

    ControlLink requireControl() throws IOException {
        ControlLink link = control;
        if (link == null) {
            throw new IOException("the destination is not connected");
        }
        return link;
    }

    RoundSender requireSender() throws IOException {
        RoundSender rounds = sender;
        if (rounds == null) {
            throw new IOException("no streams are open");
        }
        return rounds;
    }

    /** Pages sent since the migration began. */
    long sentPages() {
        RoundSender rounds = sender;
        return rounds == null ? 0 : rounds.sentPages();
    }

    /** True if the destination can no longer take the guest: its connection or its QEMU has ended. */
    boolean hasDestinationFailed() {
        ControlLink link = control;
        return link != null && (link.broken() != null || link.hasQemuEnded());
    }

    /** Ends all streams, and those that are yet to open. Any thread, any time. */
    void abort() {
        limiter.end();
        groups.forEach(StreamGroup::abort);
    }

    /** May be called again: what is closed stays closed. @throws IllegalStateException if a stream does not end; it stays open then */
    @Override
    public void close() {
        abort();
        RoundSender rounds = sender;
        if (rounds != null) {
            rounds.close();
        }
        groups.forEach(StreamGroup::close);
        ControlLink link = control;
        if (link != null) {
            link.close();
        }
    }
}
