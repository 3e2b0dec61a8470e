package org.splitmem.memory.migration;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.server.StoreRecord;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.RefusalCode;

/** What a migration asks of other hosts' daemons before any page moves. Any thread; each call waits for the answer. */
public interface PeerHosts {
    /** A peer as configured; the address is without a port. */
    record Peer(String name, String address, int dataPort) {}

    /**
     * Room for pages of a VM on a memory server.
     *
     * @param owner the host that makes the reservation
     * @param main the host on which the VM is to run when it is used; absent: the owner
     */
    record Reservation(
            @JsonProperty(required = true) UUID vm,
            @JsonProperty(required = true) String token,
            @JsonProperty(required = true) long epoch,
            @JsonProperty(required = true) long pages,
            @JsonProperty(required = true) long bytes,
            @JsonProperty(required = true) String owner,
            @Nullable String main) {}

    /**
     * A VM that is about to migrate to a host; the source's token is for its streams, and for page-ins from it.
     *
     * @param gatherRate bytes a second with which it is gathered there at most, if all of it is to be there; absent: no limit
     */
    record Incoming(
            @JsonProperty(required = true) UUID vm,
            @JsonProperty(required = true) String name,
            @JsonProperty(required = true) String migration,
            @JsonProperty(required = true) List<Long> backendBytes,
            @JsonProperty(required = true) long epoch,
            @JsonProperty(required = true) long budgetBytes,
            @JsonProperty(required = true) List<VmRecord.Lender> lenders,
            @JsonProperty(required = true) VmRecord.Lender source,
            @Nullable Long gatherRate) {}

    /**
     * A peer, or this host.
     *
     * @throws IOException if no such peer is configured: the text names those that are
     */
    Peer find(String name) throws IOException;

    /** Where the data port of a peer is. @throws IOException as {@link #find} does */
    default InetSocketAddress dataPortOf(String name) throws IOException {
        Peer peer = find(name);
        return new InetSocketAddress(peer.address(), peer.dataPort());
    }

    /** All that are configured, without this host. */
    List<Peer> all();

    /** @throws PeerRefusalException with {@link RefusalCode#NO_ROOM} if it has not the memory */
    void reserve(Peer peer, Reservation reservation) throws IOException;

    void release(Peer peer, UUID vm, String token) throws IOException;

    /**
     * Who may become the owner of a store, when a VM migrates that is split.
     *
     * @param vm whose store
     * @param token of its owner
     * @param next absent: nobody, it stays
     */
    record NextOwner(
            @JsonProperty(required = true) UUID vm,
            @JsonProperty(required = true) String token,
            StoreRecord.@Nullable Next next) {}

    /** Tells a memory server. From then on the next owner may read, and adopt, what it keeps. */
    void nameNextOwner(Peer peer, NextOwner named) throws IOException;

    void prepareIncoming(Peer peer, Incoming incoming) throws IOException;

    void cancelIncoming(Peer peer, UUID vm, String token) throws IOException;

    /**
     * Tells a migration's source that every page has arrived: it may free what it kept.
     *
     * @throws PeerRefusalException with {@link RefusalCode#VM_HERE} if the VM is that host's own: it did not leave, or is there again
     */
    void arrived(Peer source, UUID vm, String token) throws IOException;

    /** What became of a VM at the source of its migration. */
    enum Fate {
        /** Not decided, or not known there. */
        UNKNOWN,
        /** It is handed over. All its pages are there, also if it is not known any more which were sent before. */
        LEFT
    }

    /** Asks a migration's source. */
    Fate fate(Peer source, UUID vm, String token) throws IOException;

    /** How far a migration has come at its destination. */
    enum Arrival {
        /** No QEMU of this migration is there, and none will be: it has ended, or the migration was given up. */
        ABSENT,
        /** It is prepared; the guest is not loaded. */
        AWAITED,
        /** QEMU has the guest's whole state. Who may run it, the source decides. */
        LOADED,
        /** The VM is this host's own; it still needs pages of the source. */
        OWNED,
        /** The VM is this host's own, and needs nothing of the source any more. */
        WHOLE
    }

    /**
     * Asks a migration's destination.
     *
     * @param token of the migration's source
     * @param epoch of the new owner
     */
    Arrival arrival(Peer destination, UUID vm, String token, long epoch) throws IOException;

    /**
     * What a host keeps, or has kept, for a VM of a host that is fenced.
     *
     * @param heir the host that owns the VM, or may be about to; absent if it does not matter, or an earlier splitmemd answers
     */
    record Store(
            @JsonProperty(required = true) UUID vm,
            @JsonProperty(required = true) long bytes,
            @Nullable String heir) {
        private static List<Store> of(List<StoreRecord> stores) {
            return stores.stream()
                    .map(store -> new Store(store.vm(), store.reservedBytes(), store.heir()))
                    .toList();
        }
    }

    /**
     * What a host has freed, and what it keeps because its VM may have migrated just before.
     *
     * @param kept nothing if it is absent, as in the answer of an earlier splitmemd
     */
    record Fenced(@JsonProperty(required = true) List<Store> freed, List<Store> kept) {
        public Fenced {
            freed = List.copyOf(Objects.requireNonNull(freed, "what is freed is missing"));
            kept = Objects.requireNonNullElse(kept, List.of());
        }

        public static Fenced of(MemoryServer.Fenced stores) {
            return new Fenced(Store.of(stores.freed()), Store.of(stores.kept()));
        }
    }

    /**
     * States that a host is fenced: it runs this VM no more, and never will without starting it anew. Its stores are freed.
     *
     * @param vm absent: none of its VMs
     */
    Fenced fence(Peer peer, String host, @Nullable UUID vm) throws IOException;

    /**
     * Whether a host runs a VM.
     *
     * @param vm absent: whether it answers at all
     * @throws IOException if it does not answer
     */
    boolean runs(Peer peer, @Nullable UUID vm) throws IOException;

    /**
     * Whether a host is reached by another one: what this host cannot reach may only be cut off from here.
     *
     * @throws IOException if the witness does not answer
     */
    boolean reaches(Peer witness, String host) throws IOException;

    /** Asks whoever reserved memory for a migration or a split of a VM whether its stores may still be needed. */
    boolean wantsStores(Peer source, UUID vm) throws IOException;
}
