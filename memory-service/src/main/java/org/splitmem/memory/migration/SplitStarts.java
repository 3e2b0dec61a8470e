package org.splitmem.memory.migration;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.migration.ExpectationFile.Expected;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.Adoption;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.vm.SplitDefinition;
import org.splitmem.memory.vm.SplitDefinitions;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/**
 * What becomes of VMs whose QEMU starts on this host: one that is expected, or that ended while it was split, is paged from its
 * first page on, or does not start; any other is whole. None exceeds the host's limit.
 *
 * <p>Any thread. A start waits for memory servers, while QEMU waits for its RAM: at the first that fails it is refused.
 *
 * <p>The order makes it safe to die at any moment. A definition names new reservations before they are made, each under a token
 * of its own: one that nobody came to use is given back by the next daemon, and a late release can never hit a newer one.
 */
public final class SplitStarts implements VmRegistry.Starts {
    private static final Logger log = LoggerFactory.getLogger(SplitStarts.class);

    private final VmRegistry vms;
    private final SplitDefinitions definitions;
    private final ExpectedSplits expected;
    private final MigrationService migrations;
    private final Splits splits;
    private final PendingReleases releases;
    private final GuestRoom room;
    private final Leases leases;

    public SplitStarts(
            VmRegistry vms,
            SplitDefinitions definitions,
            ExpectedSplits expected,
            MigrationService migrations,
            GuestRoom room) {
        this.vms = vms;
        this.definitions = definitions;
        this.expected = expected;
        this.migrations = migrations;
        this.splits = migrations.splits();
        this.releases = splits.releases();
        this.room = room;
        this.leases = new Leases(splits);
    }

    public GuestRoom room() {
        return room;
    }

    public List<SplitDefinition> definitions() {
        return definitions.all();
    }

    // ---- starts

    @Override
    public Vm start(UUID uuid, String name, int pid) throws IOException {
        Claims.Claim claim;
        try {
            claim = expected.claim(uuid);
        } catch (RefusedException e) {
            throw new IOException(e.getMessage(), e);
        }
        try {
            Expected one = expected.find(uuid);
            if (one != null) {
                return startExpected(one, name, pid);
            }
            SplitDefinition definition = definitions.find(uuid);
            return definition == null
                    ? vms.start(VmRecord.started(uuid, name, pid), 0)
                    : startDefined(definition, name, pid);
        } finally {
            claim.close();
        }
    }

    private Vm startExpected(Expected one, String name, int pid) throws IOException {
        UUID uuid = one.vm();
        if (releases.isAnyPending(uuid, one.lenders())) { // told late, that would take from a running VM what it has
            throw new IOException("what was reserved for VM " + name + " is just being given back: ask for it again");
        }
        VmRegistry.Grant granted = grant(uuid, name, one.budgetBytes());
        try {
            if (!leases.renew(one)) {
                throw new IOException("not all sub-hosts have what they reserved for VM " + name
                        + ", and it may start only split: plan it anew, or \"splitmem forget " + uuid + "\"");
            }
            SplitDefinition definition = definitionOf(one);
            adopt(definition);
            vms.reached(FaultPoint.BIRTH_ADOPTED);
            Vm vm = vms.start(definition.born(name, pid), definition.ramBytes());
            vms.reached(FaultPoint.BORN);
            expected.came(one, definition);
            vms.reached(FaultPoint.EXPECTED_CAME);
            return vm;
        } finally {
            granted.close();
        }
    }

    /** What is kept of it once it is here. */
    public static SplitDefinition definitionOf(Expected one) {
        return new SplitDefinition(
                one.vm(),
                one.name(),
                one.ramBytes(),
                List.of(),
                one.budgetBytes(),
                VmRecord.FIRST_EPOCH + 1,
                one.lenders(),
                true);
    }

    private Vm startDefined(SplitDefinition before, String name, int pid) throws IOException {
        UUID uuid = before.vm();
        VmRegistry.Grant granted = grant(uuid, name, before.budgetBytes());
        try {
            releases.attempt(uuid); // its last life's reservations, where it is to borrow now
            SplitDefinition next = before.anew(splits.again(before.lenders()));
            definitions.keep(next);
            vms.reached(FaultPoint.BIRTH_NOTED);
            return reserveAndStart(next, name, pid);
        } catch (IOException e) {
            log.error("vm={} ({}) does not start: it was split and starts only so: {}", uuid, name, e.getMessage());
            throw e;
        } finally {
            granted.close();
        }
    }

    private Vm reserveAndStart(SplitDefinition next, String name, int pid) throws IOException {
        try {
            splits.reserve(
                    next.vm(),
                    next.epoch() - 1,
                    new TaskMaker.Split(next.ramBytes(), next.budgetBytes(), next.lenders()));
            vms.reached(FaultPoint.BIRTH_RESERVED);
            adopt(next);
            vms.reached(FaultPoint.BIRTH_ADOPTED);
            Vm vm = vms.start(next.born(name, pid), next.ramBytes());
            vms.reached(FaultPoint.BORN);
            return vm;
        } catch (IOException | RuntimeException e) {
            releases.addStores(next.vm(), next.lenders());
            throw e;
        }
    }

    private static void adopt(SplitDefinition definition) throws IOException {
        for (VmRecord.Lender lender : definition.lenders()) {
            try {
                Adoption.adopt(new Endpoint(
                        lender.host(),
                        new InetSocketAddress(lender.address(), lender.dataPort()),
                        definition.vm(),
                        lender.token(),
                        definition.epoch(),
                        Pages.fromBytes(definition.ramBytes())));
            } catch (IOException e) {
                throw new IOException("sub-host " + lender.host() + ": " + e.getMessage(), e);
            }
        }
    }

    @Override
    public VmRegistry.Grant grant(Vm vm, long moreBytes) throws IOException {
        return grant(vm.uuid(), vm.name(), vm.record().ramBytes() + moreBytes);
    }

    /** For a QEMU, which gets the refusal's text as its error. */
    private VmRegistry.Grant grant(UUID vm, String name, long bytes) throws IOException {
        try {
            return room.grant(vm, name, bytes);
        } catch (RefusedException e) {
            throw new IOException(e.text(), e);
        }
    }

    @Override
    public void ended(Vm vm) {
        migrations.ended(vm, "its QEMU " + vm.record().pid() + " has exited");
    }

    // ---- definitions

    /**
     * A VM that does not run here is no longer expected, and not split any more when it starts.
     *
     * @throws RefusedException if there is nothing to forget, it runs here split, or that cannot be recorded
     */
    public void forget(UUID uuid) throws RefusedException {
        Claims.Claim claim = expected.claim(uuid);
        try {
            boolean known = expected.takeBack(uuid);
            Vm vm = expected.running(uuid);
            if (vm != null && vm.record().runsSplit()) {
                throw new RefusedException(
                        RefusalCode.VM_SPLIT,
                        "VM " + vm.name() + " runs here, split: end it, or gather it by \"splitmem budget " + vm.name()
                                + " " + vm.record().ramBytes() + "\"");
            }
            known |= forgetDefinition(uuid);
            if (!known) {
                throw new RefusedException(
                        RefusalCode.NOT_EXPECTED,
                        "VM " + uuid + " is not expected to start on this host, and has no split definition here");
            }
        } catch (IOException e) {
            throw new RefusedException(
                    RefusalCode.FAILED, "it cannot be recorded that VM " + uuid + " is forgotten: " + e.getMessage());
        } finally {
            claim.close();
        }
    }

    private boolean forgetDefinition(UUID uuid) throws IOException {
        SplitDefinition definition = byUuid(uuid);
        if (definition != null && definition.reserved()) {
            releases.addStores(uuid, definition.lenders());
        }
        boolean known = definitions.forget(uuid);
        if (known) {
            log.info("vm={} its split definition is forgotten: it starts whole", uuid);
        }
        return known;
    }

    private @Nullable SplitDefinition byUuid(UUID uuid) {
        return definitions.all().stream()
                .filter(definition -> definition.vm().equals(uuid))
                .findFirst()
                .orElse(null);
    }

    /** After the VMs that an earlier daemon served are known: what their last lives have reserved in vain is given back. */
    public void recovered() {
        for (SplitDefinition definition : definitions.all()) {
            if (definition.reserved() && vms.find(definition.vm()) == null) {
                releases.addStores(definition.vm(), definition.lenders());
            }
        }
    }

    /** Brings the definitions up to date. By one thread, now and then. */
    public void sweep() {
        List<UUID> here = new ArrayList<>();
        for (Vm vm : vms.all()) {
            here.add(vm.uuid());
            settle(vm);
        }
        for (SplitDefinition definition : definitions.all()) {
            if (definition.reserved() && !here.contains(definition.vm())) {
                noteReleasedUnlessClaimed(definition);
            }
        }
    }

    private void settle(Vm vm) {
        try {
            if (!vm.isStopped()) {
                definitions.settle(vm.record());
            }
        } catch (IOException e) {
            log.warn("vm={} its split definition is not up to date: {}", vm.uuid(), e.getMessage());
        }
    }

    private void noteReleasedUnlessClaimed(SplitDefinition definition) {
        Claims.Claim claim = expected.claimAtOnce(definition.vm());
        if (claim != null) {
            try {
                noteReleased(definition);
            } finally {
                claim.close();
            }
        }
    }

    private void noteReleased(SplitDefinition definition) {
        boolean isAsItWas = definition.equals(byUuid(definition.vm()));
        if (isAsItWas
                && vms.find(definition.vm()) == null
                && !releases.isAnyPending(definition.vm(), definition.lenders())) {
            try {
                definitions.keep(definition.released());
            } catch (IOException e) {
                log.warn("vm={} its split definition is not up to date: {}", definition.vm(), e.getMessage());
            }
        }
    }
}
