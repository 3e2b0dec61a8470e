package org.splitmem.memory.migration;

import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.migration.RefusedException.Kind;
import org.splitmem.memory.vm.Vm;

/**
 * What each VM of this host is busy with: a migration from here, or a claim by something else that bears no company. Any thread.
 *
 * <p>A migration claims its VM before it asks QEMU anything, whose monitor serves one connection at a time.
 */
final class BusyVms {
    /** Shorter than those wait who ask for a migration. */
    static final long WAIT_NS = TimeUnit.SECONDS.toNanos(5);

    /**
     * What a VM is claimed for.
     *
     * @param what as in "VM db1 ..."
     * @param code of the refusal of others
     * @param migration id of the migration that is being started
     * @param passesSoon whether others wait a while for its end rather than being refused at once
     */
    record Claim(String what, String code, @Nullable String migration, boolean passesSoon) {
        static final Claim SPLIT = new Claim("is just being split on this host", "vm-splitting", null, false);

        static final Claim UPKEEP = new Claim(
                "is busy: splitmemd is settling with its QEMU what ended or was interrupted earlier; ask again",
                "vm-busy",
                null,
                true);

        static Claim startOf(MigrationTask task) {
            return new Claim(
                    "is migrating already, to " + task.destination().name() + " (migration " + task.id()
                            + ", whose start waits for QEMU's monitor)",
                    "vm-migrating",
                    task.id(),
                    true);
        }
    }

    private final long waitNs;

    // Guarded by this.
    private final Map<UUID, OutgoingMigration> outgoing = new HashMap<>();
    private final Map<UUID, Claim> claims = new HashMap<>();

    /** @param waitNs the most that a claim waits for another that passes soon */
    BusyVms(long waitNs) {
        this.waitNs = waitNs;
    }

    /**
     * Keeps migrations, splits and upkeep away from a VM until {@link #release}.
     *
     * @throws RefusedException if something else has it, and goes on having it
     */
    synchronized void claim(Vm vm, Claim claim) throws RefusedException {
        awaitPassing(vm.uuid());
        OutgoingMigration running = outgoing.get(vm.uuid());
        if (running != null) {
            throw new RefusedException(
                    Kind.CONFLICT,
                    "vm-migrating",
                    "VM " + vm.name() + " is migrating already, to "
                            + running.task().destination().name() + " (migration "
                            + running.task().id() + "); wait for it or abort it");
        }
        Claim other = claims.putIfAbsent(vm.uuid(), claim);
        if (other != null) {
            // A caller that repeats its own start must not take it for refused: it may still begin.
            boolean repeated = other.migration() != null && other.migration().equals(claim.migration());
            throw new RefusedException(
                    repeated ? Kind.NOT_YET : Kind.CONFLICT, other.code(), "VM " + vm.name() + " " + other.what());
        }
    }

    private synchronized void awaitPassing(UUID vm) throws RefusedException {
        long endNs = System.nanoTime() + waitNs;
        for (Claim other = claims.get(vm); other != null && other.passesSoon(); other = claims.get(vm)) {
            long leftMs = TimeUnit.NANOSECONDS.toMillis(endNs - System.nanoTime());
            if (leftMs <= 0) {
                return;
            }
            try {
                wait(leftMs);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new RefusedException(Kind.NOT_YET, other.code(), "splitmemd is stopping");
            }
        }
    }

    /** As {@link #claim}, but does not wait. @return false if something else has it */
    synchronized boolean claimAtOnce(Vm vm, Claim claim) {
        return !outgoing.containsKey(vm.uuid()) && claims.putIfAbsent(vm.uuid(), claim) == null;
    }

    synchronized void release(Vm vm) {
        claims.remove(vm.uuid());
        notifyAll();
    }

    /** By the one that has the claim, and still has it afterwards. */
    synchronized void begin(Vm vm, OutgoingMigration migration) {
        outgoing.put(vm.uuid(), migration);
    }

    synchronized void ended(Vm vm) {
        outgoing.remove(vm.uuid());
    }

    synchronized @Nullable OutgoingMigration outgoing(UUID vm) {
        return outgoing.get(vm);
    }

    synchronized @Nullable OutgoingMigration outgoing(String id) {
        return outgoing.values().stream()
                .filter(m -> m.task().id().equals(id))
                .findFirst()
                .orElse(null);
    }

    /** True while a migration of it is being started. */
    synchronized boolean isStarting(UUID vm) {
        Claim claim = claims.get(vm);
        return claim != null && claim.migration() != null;
    }

    /** True while a migration or a split of it goes on, or is about to: upkeep borrows nothing. */
    synchronized boolean isBorrowing(UUID vm) {
        Claim claim = claims.get(vm);
        return outgoing.containsKey(vm) || (claim != null && !claim.equals(Claim.UPKEEP));
    }
}
