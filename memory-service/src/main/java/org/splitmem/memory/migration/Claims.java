package org.splitmem.memory.migration;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/**
 * Who holds each VM, what for, and since when: one holder at a time. A second claimant is refused, by a message that names the first.
 * Any thread.
 *
 * <p>A VM that is here and its next start here are claimed apart, with an object of this class each: what is prepared for the start of a VM
 * that has left, or is leaving, waits for no migration.
 */
final class Claims {
    /**
     * What a VM is held for.
     *
     * @param what as in "VM db1 ..."
     * @param advice for others, as the end of that sentence; may be empty
     * @param code of the refusal of others; its remedy follows the advice
     * @param migration id of the migration that it is held for, or for the start of which; null if it is another purpose
     * @param passesSoon whether others wait a while for its end rather than being refused at once
     * @param borrows whether it may be borrowing memory of other hosts
     */
    record Purpose(
            String what,
            String advice,
            RefusalCode code,
            @Nullable String migration,
            boolean passesSoon,
            boolean borrows) {
        static final Purpose SPLIT =
                new Purpose("is just being split on this host", "", RefusalCode.VM_SPLITTING, null, false, true);

        static final Purpose START =
                new Purpose("is just being split on this host", "", RefusalCode.VM_SPLITTING, null, true, true);

        static final Purpose LENDERS =
                new Purpose("is just being given other sub-hosts", "", RefusalCode.VM_BUSY, null, true, true);

        static final Purpose UPKEEP = new Purpose(
                "is busy: splitmemd is settling with its QEMU what ended or was interrupted earlier",
                "",
                RefusalCode.VM_BUSY,
                null,
                true,
                false);

        static Purpose startOf(MigrationTask task) {
            return new Purpose(
                    migrating(task) + ", whose start waits for QEMU's monitor)",
                    "",
                    RefusalCode.VM_MIGRATING,
                    task.id(),
                    true,
                    true);
        }

        private static Purpose migrationOf(MigrationTask task) {
            return new Purpose(
                    migrating(task) + ")",
                    "; wait for it or abort it",
                    RefusalCode.VM_MIGRATING,
                    task.id(),
                    false,
                    true);
        }

        private static String migrating(MigrationTask task) {
            return "is migrating already, to " + task.destination().name() + " (migration " + task.id();
        }
    }

    /** A VM that is held, until this is closed. */
    final class Claim implements AutoCloseable {
        private final UUID vm;
        private final long sinceNs = System.nanoTime();
        // Guarded by the claims.
        private Purpose purpose;
        private @Nullable OutgoingMigration migration;

        private Claim(UUID vm, Purpose purpose) {
            this.vm = vm;
            this.purpose = purpose;
        }

        /** Holds it on for the migration, whose end closes this. */
        void become(OutgoingMigration begun) {
            synchronized (Claims.this) {
                purpose = Purpose.migrationOf(begun.task());
                migration = begun;
                Claims.this.notifyAll();
            }
        }

        /** Closes this, unless it has become a migration's. */
        void closeUnlessBegun() {
            synchronized (Claims.this) {
                if (migration == null) {
                    close();
                }
            }
        }

        /** Again does nothing. */
        @Override
        public void close() {
            synchronized (Claims.this) {
                held.remove(vm, this);
                Claims.this.notifyAll();
            }
        }

        /** Also a migration that says that it is over: its thread is about to end. */
        private boolean passesSoon() {
            return purpose.passesSoon()
                    || (migration != null && migration.phase().isOver());
        }

        private Refusal refusal(String name) {
            long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - sinceNs);
            return Refusal.of(
                    purpose.code(),
                    "VM " + name + " " + purpose.what() + ", for " + seconds + " s now" + purpose.advice());
        }
    }

    /** For the start of a migration: shorter than those wait who ask for one. */
    static final long WAIT_NS = TimeUnit.SECONDS.toNanos(5);

    private final long waitNs;
    private final Map<UUID, Claim> held = new HashMap<>(); // guarded by this

    /** @param waitNs the most that a claimant waits for a holder that passes soon; less if the request has less time */
    Claims(long waitNs) {
        this.waitNs = waitNs;
    }

    /**
     * Holds a VM; close the claim to release it.
     *
     * @param name for messages
     * @throws RefusedException if another holds it, and goes on holding it
     */
    synchronized Claim claim(UUID vm, String name, Purpose purpose) throws RefusedException {
        awaitPassing(vm, name);
        Claim other = held.get(vm);
        if (other == null) {
            return hold(vm, purpose);
        }
        // A caller that repeats its own start must not take it for refused: it may still begin.
        boolean isRepeated = other.migration == null
                && other.purpose.migration() != null
                && other.purpose.migration().equals(purpose.migration());
        Refusal refusal = other.refusal(name);
        throw new RefusedException(isRepeated ? refusal.notYet() : refusal);
    }

    private Claim hold(UUID vm, Purpose purpose) {
        Claim claim = new Claim(vm, purpose);
        held.put(vm, claim);
        return claim;
    }

    private void awaitPassing(UUID vm, String name) throws RefusedException {
        long endNs =
                System.nanoTime() + RequestTime.left(Duration.ofNanos(waitNs)).toNanos();
        for (Claim other = held.get(vm); other != null && other.passesSoon(); other = held.get(vm)) {
            long leftMs = TimeUnit.NANOSECONDS.toMillis(endNs - System.nanoTime());
            if (leftMs <= 0) {
                return;
            }
            try {
                wait(leftMs);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new RefusedException(other.refusal(name).notYet());
            }
        }
    }

    /** As {@link #claim}, but does not wait. Null if another holds it. */
    synchronized @Nullable Claim claimAtOnce(UUID vm, Purpose purpose) {
        return held.containsKey(vm) ? null : hold(vm, purpose);
    }

    /** The migration that a VM is held for; null while that is only being started, or if there is none. */
    synchronized @Nullable OutgoingMigration outgoing(UUID vm) {
        Claim claim = held.get(vm);
        return claim == null ? null : claim.migration;
    }

    /** The migration of that id that a VM is held for. */
    synchronized @Nullable OutgoingMigration outgoing(String id) {
        return held.values().stream()
                .flatMap(claim -> Stream.ofNullable(claim.migration))
                .filter(migration -> migration.task().id().equals(id))
                .findFirst()
                .orElse(null);
    }

    /** True while a migration of it is being started. */
    synchronized boolean isStarting(UUID vm) {
        Claim claim = held.get(vm);
        return claim != null && claim.migration == null && claim.purpose.migration() != null;
    }

    /** True while a migration or a split of it goes on, or is about to. */
    synchronized boolean isBorrowing(UUID vm) {
        Claim claim = held.get(vm);
        return claim != null && claim.purpose.borrows();
    }
}
