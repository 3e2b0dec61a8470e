package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;

/** Other hosts that say yes, unless they are told to refuse; remembers what was asked. */
public final class FakePeers implements PeerHosts {
    static final UUID KEPT = UUID.fromString("6d1f0000-0000-4000-8000-00000000000f");

    private final Set<String> names;
    private final List<String> asked = new CopyOnWriteArrayList<>();
    private final List<String> requestIds = new CopyOnWriteArrayList<>();
    private final CountDownLatch answer = new CountDownLatch(1);
    private volatile Set<String> refusing = Set.of();
    private volatile String silent = "";
    private volatile String waiting = "";
    private volatile String running = "";
    private volatile String again = "";
    private volatile String reaching = "";
    private volatile String keeping = "";
    private volatile boolean left;
    private volatile String heir = "";
    private volatile Arrival arrival = Arrival.AWAITED;

    public FakePeers(String... names) {
        this.names = Set.of(names);
    }

    /** From now on these hosts, and no others, refuse everything. */
    void refuse(String... hosts) {
        refusing = Set.of(hosts);
    }

    /** From now on this host does not answer within any limit. */
    void silence(String name) {
        silent = name;
    }

    /** From now on this host answers only after {@link #answer}. */
    void waitAt(String name) {
        waiting = name;
    }

    /** From now on this host says that it runs the VM. */
    void run(String name) {
        running = name;
    }

    /** From now on this host says that the VM has come back to it. */
    void haveAgain(String name) {
        again = name;
    }

    void answer() {
        answer.countDown();
    }

    List<String> asked() {
        return asked;
    }

    /** As a part of which requests it was asked. */
    List<String> requestIds() {
        return requestIds;
    }

    private void ask(String what, Peer peer) throws IOException {
        asked.add(what + " " + peer.name());
        requestIds.add(String.valueOf(RequestId.current()));
        if (peer.name().equals(waiting)) {
            await();
        }
        if (peer.name().equals(silent)) {
            throw new UnreachableException("host " + peer.name() + " does not answer");
        }
        if (refusing.contains(peer.name())) {
            throw new PeerRefusalException(
                    Refusal.of(RefusalCode.UNAUTHORIZED, "host " + peer.name() + " refused: no room"));
        }
    }

    private void await() throws IOException {
        try {
            answer.await();
        } catch (InterruptedException e) {
            throw new IOException("interrupted while waiting for " + waiting, e);
        }
    }

    @Override
    public Peer find(String name) throws IOException {
        if (!names.contains(name)) {
            throw new IOException("host " + name + " is not among the peers of splitmem.conf");
        }
        return new Peer(name, "127.0.0.1", 7780);
    }

    @Override
    public void reserve(Peer peer, Reservation reservation) throws IOException {
        ask("reserve", peer);
    }

    @Override
    public void release(Peer peer, UUID vm, String token) throws IOException {
        ask("release", peer);
    }

    @Override
    public void nameNextOwner(Peer peer, NextOwner named) throws IOException {
        ask(named.next() == null ? "nameNobody" : "nameNextOwner", peer);
    }

    @Override
    public void prepareIncoming(Peer peer, Incoming incoming) throws IOException {
        ask("prepare", peer);
    }

    @Override
    public void cancelIncoming(Peer peer, UUID vm, String token) throws IOException {
        ask("cancel", peer);
    }

    @Override
    public void arrived(Peer source, UUID vm, String token) throws IOException {
        ask("arrived", source);
        if (source.name().equals(again)) {
            throw new PeerRefusalException(Refusal.of(RefusalCode.VM_HERE, "VM " + vm + " is this host's own"));
        }
    }

    @Override
    public Fate fate(Peer source, UUID vm, String token) throws IOException {
        ask("fate", source);
        return left ? Fate.LEFT : Fate.UNKNOWN;
    }

    /** From now on the source of a migration says that it has handed the VM over. */
    void leave() {
        left = true;
    }

    /** What the destination of a migration says from now on. */
    void arrive(Arrival how) {
        arrival = how;
    }

    @Override
    public Arrival arrival(Peer destination, UUID vm, String token, long epoch) throws IOException {
        ask("arrival", destination);
        return arrival;
    }

    @Override
    public Fenced fence(Peer peer, String host, @Nullable UUID vm) throws IOException {
        ask("fence " + host + (vm == null ? "" : " for its VM") + " at", peer);
        boolean keeps = vm == null && peer.name().equals(keeping);
        List<Store> stores = peer.name().equals(keeping) ? List.of(new Store(KEPT, 8192, heir)) : List.of();
        return new Fenced(keeps ? List.of() : stores, keeps ? stores : List.of());
    }

    @Override
    public List<Peer> all() {
        return names.stream()
                .sorted()
                .map(name -> new Peer(name, "127.0.0.1", 7780))
                .toList();
    }

    @Override
    public boolean runs(Peer peer, @Nullable UUID vm) throws IOException {
        ask("runs", peer);
        return peer.name().equals(running);
    }

    /** From now on this host keeps {@link #KEPT} of each host that is fenced as a whole: it may just have migrated to another one. */
    void keepFor(String name, String next) {
        keeping = name;
        heir = next;
    }

    /** From now on this host says that it reaches any other. */
    void reach(String name) {
        reaching = name;
    }

    @Override
    public boolean reaches(Peer witness, String host) throws IOException {
        ask("reaches " + host, witness);
        return witness.name().equals(reaching);
    }

    @Override
    public boolean wantsStores(Peer source, UUID vm) throws IOException {
        ask("wants-stores", source);
        return true;
    }
}
