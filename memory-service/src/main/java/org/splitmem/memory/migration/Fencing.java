package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.migration.RefusedException.Kind;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.server.StoreRecord;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.FenceResult;

/**
 * Has all hosts free what they keep for the VMs of a host that is dead. Only at the word of someone that knows: an operator, or Nova when it
 * evacuates. That a host does not answer says nothing; that it does answer says that it is not fenced.
 *
 * <p>Any thread; a call waits for all hosts, which are asked at once.
 */
public final class Fencing {
    private static final Logger log = LoggerFactory.getLogger(Fencing.class);

    private final PeerHosts peers;
    private final PeerHosts.Peer self;
    private final MemoryServer server;

    public Fencing(PeerHosts peers, PeerHosts.Peer self, MemoryServer server) {
        this.peers = peers;
        this.self = self;
        this.server = server;
    }

    /** @throws RefusedException if that cannot be true: nothing is freed then */
    public FenceResult fence(FenceRequest request) throws RefusedException {
        String host = request.host();
        UUID vm = request.vm();
        requireDead(host, vm);
        log.warn("host {} is said to be fenced, {}", host, vm == null ? "with all its VMs" : "for VM " + vm);
        List<FenceResult.Freed> freed = new ArrayList<>(here(host, vm));
        List<String> unreachable = new ArrayList<>();
        List<Question> asked = new ArrayList<>();
        for (PeerHosts.Peer peer : peers.all()) {
            if (!peer.name().equals(host)) {
                asked.add(Question.ask(peer, () -> peers.fence(peer, host, vm)));
            }
        }
        for (Question question : asked) {
            try {
                question.answer()
                        .forEach(one -> freed.add(new FenceResult.Freed(
                                question.peer().name(), one.vm().toString(), one.bytes())));
            } catch (IOException e) {
                log.warn(
                        "{} keeps what it has for VMs of {}: {}",
                        question.peer().name(),
                        host,
                        e.getMessage());
                unreachable.add(question.peer().name());
            }
        }
        return new FenceResult(freed, unreachable);
    }

    @SuppressWarnings("try") // a scope
    private void requireDead(String host, @Nullable UUID vm) throws RefusedException {
        if (host.equals(self.name())) {
            throw new RefusedException(
                    Kind.INVALID, "same-host", host + " is this host: it cannot be fenced by its own splitmemd");
        }
        PeerHosts.Peer peer;
        try {
            peer = peers.find(host);
        } catch (IOException e) {
            throw new RefusedException(Kind.NOT_FOUND, "host-not-found", String.valueOf(e.getMessage()));
        }
        boolean isAlive;
        // With its whole limit, however little time the caller gives: a host that was cut short would count as dead.
        try (RequestTime.Scope unused = RequestTime.lifted()) {
            isAlive = peers.runs(peer, vm);
        } catch (IOException e) {
            log.info("{} does not answer, as is to be expected of a host that is fenced: {}", host, e.getMessage());
            return;
        }
        if (isAlive) {
            throw new RefusedException(
                    Kind.CONFLICT,
                    "host-not-fenced",
                    vm == null
                            ? "splitmemd of " + host
                                    + " answers: power that host off, or at least stop its VMs and splitmemd"
                            : "VM " + vm + " runs on " + host + ", whose splitmemd answers: end it there first");
        }
    }

    private List<FenceResult.Freed> here(String host, @Nullable UUID vm) throws RefusedException {
        try {
            List<StoreRecord> stores = server.fence(host, vm);
            return stores.stream()
                    .map(store -> new FenceResult.Freed(self.name(), store.vm().toString(), store.reservedBytes()))
                    .toList();
        } catch (IOException e) {
            throw new RefusedException(
                    Kind.PEER, "failed", "what " + self.name() + " keeps could not be freed: " + e.getMessage());
        }
    }

    /** One host that is asked, on a thread of its own. */
    private record Question(PeerHosts.Peer peer, FutureTask<List<PeerHosts.Freed>> task) {
        private interface Call {
            List<PeerHosts.Freed> ask() throws IOException;
        }

        @SuppressWarnings("try") // a scope
        static Question ask(PeerHosts.Peer peer, Call call) {
            Long endNs = RequestTime.endNs();
            FutureTask<List<PeerHosts.Freed>> task = new FutureTask<>(() -> {
                try (RequestTime.Scope unused = RequestTime.until(endNs)) {
                    return call.ask();
                }
            });
            Thread thread = new Thread(task, "fence-" + peer.name());
            thread.setDaemon(true);
            thread.start();
            return new Question(peer, task);
        }

        /** The question itself is bounded in time. */
        List<PeerHosts.Freed> answer() throws IOException {
            try {
                return task.get();
            } catch (ExecutionException e) {
                throw e.getCause() instanceof IOException cause ? cause : new IOException(e.getCause());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted", e);
            }
        }
    }
}
