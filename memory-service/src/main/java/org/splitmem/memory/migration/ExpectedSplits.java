package org.splitmem.memory.migration;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.migration.ExpectationFile.Expected;
import org.splitmem.memory.thread.Pauses;
import org.splitmem.memory.vm.SplitDefinition;
import org.splitmem.memory.vm.SplitDefinitions;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SplitRequest;

/**
 * VMs that are to be split as soon as they start here: a host that has not room for all of one can still start it.
 *
 * <p>Their sub-hosts reserve at once, and the reservations are kept in use until the VM comes, its time is over, or it is taken
 * back. What is expected is recorded before anybody is asked, so that the next daemon goes on. Any thread; calls may wait for
 * memory servers.
 */
public final class ExpectedSplits {
    private static final Logger log = LoggerFactory.getLogger(ExpectedSplits.class);
    private static final long RENEW_NS = TimeUnit.SECONDS.toNanos(5);
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final ExpectationFile expected;
    private final SplitDefinitions definitions;
    private final long keepMs;
    private final VmRegistry vms;
    private final MigrationService migrations;
    private final Splits splits;
    private final Leases leases;
    /** Of VMs' next starts here: only who holds one does anything about what is expected of it. */
    private final Claims claims = new Claims(PATIENCE.toNanos());

    /** After a failure. */
    private final Pauses<UUID> pauses = new Pauses<>();

    private long renewAtNs = System.nanoTime(); // the upkeep's

    /** @param keepMs after which a VM that has not come is expected no more */
    public ExpectedSplits(
            ExpectationFile expected,
            SplitDefinitions definitions,
            long keepMs,
            VmRegistry vms,
            MigrationService migrations) {
        this.expected = expected;
        this.definitions = definitions;
        this.keepMs = keepMs;
        this.vms = vms;
        this.migrations = migrations;
        this.splits = migrations.splits();
        this.leases = new Leases(splits);
    }

    public List<Expected> all() {
        return expected.all();
    }

    public @Nullable Expected find(UUID vm) {
        return expected.find(vm);
    }

    /**
     * Whether what sub-hosts keep for a VM may still be needed by this host: for one that is expected, is being split, or migrates
     * from here.
     */
    public boolean wantsStores(UUID vm) {
        return expected.find(vm) != null || migrations.wantsStores(vm);
    }

    /**
     * Splits a VM that runs here, or expects one that does not run yet. Asking again for the same gives it new time; asking for
     * something else replaces it.
     *
     * @return what is expected; null if the VM is here, and split now
     * @throws RefusedException if that cannot be: nothing is reserved then
     */
    public @Nullable Expected request(UUID uuid, SplitRequest request) throws RefusedException {
        Claims.Claim claim = claim(uuid);
        try {
            Vm vm = running(uuid);
            Expected before = expected.find(uuid);
            if (before != null && before.request().equals(request)) {
                return keep(before);
            }
            if (before != null) {
                drop(before, "something else is asked for");
            }
            if (vm != null) {
                splits.split(vm, request);
                return null;
            }
            return expect(uuid, request);
        } catch (IOException e) {
            throw new RefusedException(RefusalCode.FAILED, "VM " + uuid + " cannot be expected: " + e.getMessage());
        } finally {
            claim.close();
        }
    }

    /** One whose QEMU has ended is freed first: its next life is not the same VM. */
    @Nullable
    Vm running(UUID uuid) {
        Vm vm = vms.find(uuid);
        if (vm != null && vm.isQemuGone()) {
            migrations.sweep(System.nanoTime());
            return vms.find(uuid);
        }
        return vm;
    }

    private Expected keep(Expected before) throws RefusedException, IOException {
        if (!leases.renew(before)) {
            drop(before, "not all of its sub-hosts lend any more");
            throw new RefusedException(
                    RefusalCode.NO_ROOM, "not all sub-hosts that had reserved for VM " + before.vm() + " still do");
        }
        Expected longer = before.until(System.currentTimeMillis() + keepMs);
        expected.put(longer);
        return longer;
    }

    private Expected expect(UUID uuid, SplitRequest request) throws RefusedException, IOException {
        Long ram = request.ramBytes();
        if (ram == null || request.name() == null) {
            throw new RefusedException(
                    RefusalCode.VM_NOT_FOUND,
                    "no split-ready VM " + uuid + " runs here; to expect one, its name and ramBytes are needed");
        }
        TaskMaker.Split plan = splits.plan(ram, request);
        Expected next =
                new Expected(uuid, request, plan.budgetBytes(), plan.lenders(), System.currentTimeMillis() + keepMs);
        splits.releases().attempt(uuid); // an earlier life of the VM may have left something where it is to borrow now
        expected.put(next);
        vms.reached(FaultPoint.EXPECTED_NOTED);
        try {
            splits.reserve(uuid, VmRecord.FIRST_EPOCH, plan);
        } catch (IOException e) {
            drop(next, String.valueOf(e.getMessage()));
            throw PeerRefusalException.asOurs(e, "VM " + uuid + " cannot be expected");
        }
        vms.reached(FaultPoint.EXPECTED_RESERVED);
        log.info("vm={} ({}) is expected to start here, split", uuid, request.name());
        return next;
    }

    /**
     * Expects a VM no more, and gives back what was reserved. By who holds {@link #claim}.
     *
     * @return false if it was not expected
     */
    boolean takeBack(UUID uuid) throws IOException {
        Expected one = expected.find(uuid);
        if (one == null) {
            return false;
        }
        drop(one, "it was taken back");
        return true;
    }

    private void drop(Expected one, String because) throws IOException {
        pauses.end(one.vm());
        log.info("vm={} is not expected any more: {}", one.vm(), because);
        splits.giveBack(one.vm(), one.lenders());
        vms.reached(FaultPoint.EXPECTED_DROPPED);
        expected.remove(one);
        splits.tellReleases();
    }

    // ---- when it comes

    /** It is here, recorded as paged, and is expected no more; started again it is split as it was. */
    void came(Expected one, SplitDefinition definition) throws IOException {
        definitions.keep(definition);
        expected.remove(one);
    }

    private interface Task {
        void run() throws IOException, RefusedException;
    }

    /** Unless another thread is at it. */
    private void inBackground(Expected one, Task task) {
        Claims.Claim claim = claimAtOnce(one.vm());
        if (claim == null) {
            return;
        }
        Thread thread = new Thread(
                () -> {
                    try {
                        task.run();
                    } catch (IOException | RefusedException | RuntimeException e) {
                        log.warn("vm={} is still expected: {}", one.vm(), e.getMessage());
                        pauses.failed(one.vm(), System.nanoTime());
                    } finally {
                        claim.close();
                    }
                },
                "expected-" + one.vm());
        thread.setDaemon(true);
        thread.start();
    }

    /** A VM that an earlier daemon served; to be told before anybody else is. */
    public void found(Vm vm) throws IOException {
        Expected one = expected.find(vm.uuid());
        if (one != null && one.lenders().equals(vm.record().lenders())) {
            came(one, SplitStarts.definitionOf(one)); // that daemon died before it could
        }
    }

    // ---- upkeep

    /** Goes on with what did not succeed, keeps reservations alive, and drops what is too old. By one thread, now and then. */
    public void sweep(long nowNs) {
        long nowMs = System.currentTimeMillis() + TimeUnit.NANOSECONDS.toMillis(nowNs - System.nanoTime());
        boolean renews = nowNs - renewAtNs >= 0;
        if (renews) {
            renewAtNs = nowNs + RENEW_NS;
        }
        for (Expected one : expected.all()) {
            Vm vm = vms.find(one.vm());
            if (one.untilMs() <= nowMs && pauses.isOver(one.vm(), nowNs)) {
                inBackground(one, () -> expire(one));
            } else if (vm == null && renews) {
                inBackground(one, () -> leases.renew(one));
            }
        }
    }

    /** Unless it was given new time just now. */
    private void expire(Expected one) throws IOException {
        if (one.equals(expected.find(one.vm()))) {
            drop(one, "it did not come in time");
        }
    }

    /** Holds a VM's next start, unless another thread does. */
    Claims.@Nullable Claim claimAtOnce(UUID vm) {
        return claims.claimAtOnce(vm, Claims.Purpose.START);
    }

    /** Holds a VM's next start; waits a while for a holder, which may just be renewing a reservation. */
    Claims.Claim claim(UUID vm) throws RefusedException {
        return claims.claim(vm, vm.toString(), Claims.Purpose.START);
    }
}
