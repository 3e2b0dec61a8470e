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
        if (vm == null) { // else Nova has found that it is dead, and the host may well run others
            requireUnreached(host);
        }
        log.warn("host {} is said to be fenced, {}", host, vm == null ? "with all its VMs" : "for VM " + vm);
        List<FenceResult.Freed> freed = new ArrayList<>(here(host, vm));
        List<String> unreachable = new ArrayList<>();
        for (Question<List<PeerHosts.Freed>> question : askAllBut(host, peer -> peers.fence(peer, host, vm))) {
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

    /** A host that is cut off from this one alone still runs its VMs. Who does not answer says nothing. */
    @SuppressWarnings("try") // a scope
    private void requireUnreached(String host) throws RefusedException {
        List<String> witnesses = new ArrayList<>();
        try (RequestTime.Scope unused = RequestTime.lifted()) {
            for (Question<Boolean> question : askAllBut(host, peer -> peers.reaches(peer, host))) {
                try {
                    if (question.answer()) {
                        witnesses.add(question.peer().name());
                    }
                } catch (IOException e) {
                    log.info(
                            "{} does not say whether it reaches {}: {}",
                            question.peer().name(),
                            host,
                            e.getMessage());
                }
            }
        }
        if (!witnesses.isEmpty()) {
            throw new RefusedException(
                    Kind.CONFLICT,
                    "host-not-fenced",
                    "splitmemd of " + host + " does not answer " + self.name() + ", but it answers "
                            + String.join(", ", witnesses)
                            + ": power that host off, or at least stop its VMs and splitmemd");
        }
    }

    private <T> List<Question<T>> askAllBut(String host, Call<T> call) {
        return peers.all().stream()
                .filter(peer -> !peer.name().equals(host))
                .map(peer -> Question.ask(peer, call))
                .toList();
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

    private interface Call<T> {
        T ask(PeerHosts.Peer peer) throws IOException;
    }

    /** One host that is asked, on a thread of its own. */
    private record Question<T>(PeerHosts.Peer peer, FutureTask<T> task) {
        @SuppressWarnings("try") // a scope
        static <T> Question<T> ask(PeerHosts.Peer peer, Call<T> call) {
            Long endNs = RequestTime.endNs();
            FutureTask<T> task = new FutureTask<>(() -> {
                try (RequestTime.Scope unused = RequestTime.until(endNs)) {
                    return call.ask(peer);
                }
            });
            Thread thread = new Thread(task, "fence-" + peer.name());
            thread.setDaemon(true);
            thread.start();
            return new Question<>(peer, task);
        }

        /** The question itself is bounded in time. */
        T answer() throws IOException {
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
