package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.FenceResult;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

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
    private final Predicate<UUID> isHere;

    /** @param isHere whether this host has a VM */
    public Fencing(PeerHosts peers, PeerHosts.Peer self, MemoryServer server, Predicate<UUID> isHere) {
        this.peers = peers;
        this.self = self;
        this.server = server;
        this.isHere = isHere;
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
        Answers answers = new Answers();
        answers.add(self.name(), here(host, vm));
        List<String> unreachable = new ArrayList<>();
        for (Question<PeerHosts.Fenced> question : askAllBut(host, peer -> peers.fence(peer, host, vm))) {
            try {
                answers.add(question.peer().name(), question.answer());
            } catch (IOException e) {
                log.warn(
                        "{} keeps what it has for VMs of {}: {}",
                        question.peer().name(),
                        host,
                        e.getMessage());
                unreachable.add(question.peer().name());
            }
        }
        return new FenceResult(answers.freed, unreachable, freeUnlessMigrated(host, answers));
    }

    /** What hosts have said. */
    private static final class Answers {
        final List<FenceResult.Freed> freed = new ArrayList<>();
        final List<FenceResult.Kept> kept = new ArrayList<>();

        void add(String host, PeerHosts.Fenced said) {
            said.freed().forEach(one -> freed.add(new FenceResult.Freed(host, text(one), one.bytes())));
            said.kept()
                    .forEach(one -> kept.add(new FenceResult.Kept(
                            host, text(one), one.bytes(), Objects.requireNonNullElse(one.heir(), "another host"))));
        }

        private static String text(PeerHosts.Store store) {
            return store.vm().toString();
        }
    }

    /**
     * What was kept of VMs that may just have migrated is freed if the host to which that was says that it has no such VM.
     *
     * @return what is kept of those of which that one does not say so
     */
    private List<FenceResult.Kept> freeUnlessMigrated(String host, Answers answers) {
        List<FenceResult.Kept> undecided = new ArrayList<>();
        Set<String> silent = new HashSet<>(); // who does not answer is not asked for each VM
        for (FenceResult.Kept one : List.copyOf(answers.kept)) {
            UUID vm = UUID.fromString(one.vm());
            try {
                if (silent.contains(one.next())) {
                    undecided.add(one);
                } else if (!has(one.next(), vm)) {
                    log.warn("vm={} is not on {}: what {} keeps of it is freed", vm, one.next(), one.host());
                    answers.add(one.host(), fenceAt(one.host(), host, vm));
                }
            } catch (IOException | RefusedException e) {
                log.warn("vm={} {} keeps what it has: {}", vm, one.host(), e.getMessage());
                undecided.add(one);
                if (e instanceof UnreachableException) {
                    silent.add(one.next());
                }
            }
        }
        return undecided;
    }

    @SuppressWarnings("try") // a scope
    private boolean has(String heir, UUID vm) throws IOException {
        if (heir.equals(self.name())) {
            return isHere.test(vm);
        }
        try (RequestTime.Scope unused = RequestTime.lifted()) {
            return peers.runs(peers.find(heir), vm);
        }
    }

    private PeerHosts.Fenced fenceAt(String at, String host, UUID vm) throws IOException, RefusedException {
        return at.equals(self.name()) ? here(host, vm) : peers.fence(peers.find(at), host, vm);
    }

    @SuppressWarnings("try") // a scope
    private void requireDead(String host, @Nullable UUID vm) throws RefusedException {
        if (host.equals(self.name())) {
            throw new RefusedException(
                    RefusalCode.SAME_HOST, host + " is this host: it cannot be fenced by its own splitmemd");
        }
        PeerHosts.Peer peer;
        try {
            peer = peers.find(host);
        } catch (IOException e) {
            throw new RefusedException(RefusalCode.HOST_NOT_FOUND, String.valueOf(e.getMessage()));
        }
        boolean isAlive;
        // With its whole limit, however little time the caller gives: a host that was cut short would count as dead.
        try (RequestTime.Scope unused = RequestTime.lifted()) {
            isAlive = peers.runs(peer, vm);
        } catch (PeerRefusalException e) { // it is up, whatever keeps it from saying what it runs
            throw new RefusedException(
                    RefusalCode.HOST_NOT_FENCED,
                    "splitmemd of " + host + " answers, but not what it runs (" + e.getMessage()
                            + "): power that host off first");
        } catch (IOException e) {
            log.info("{} does not answer, as is to be expected of a host that is fenced: {}", host, e.getMessage());
            return;
        }
        if (isAlive) {
            throw new RefusedException(
                    RefusalCode.HOST_NOT_FENCED,
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
                    RefusalCode.HOST_NOT_FENCED,
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

    private PeerHosts.Fenced here(String host, @Nullable UUID vm) throws RefusedException {
        try {
            return PeerHosts.Fenced.of(server.fence(host, vm));
        } catch (IOException e) {
            throw new RefusedException(
                    RefusalCode.FAILED, "what " + self.name() + " keeps could not be freed: " + e.getMessage());
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
