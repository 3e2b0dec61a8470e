package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.HashSet;
import java.util.Set;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.RefusedException;

/** Gathers split VMs that got a device which forbids a split, as far as this host has the room. For one thread. */
public final class WholeAgain {
    private static final Logger log = LoggerFactory.getLogger(WholeAgain.class);

    private final VmRegistry vms;
    private final GuestRoom room;
    /** For which there was no room at the last attempt. */
    private final Set<UUID> refused = new HashSet<>();

    public WholeAgain(VmRegistry vms, GuestRoom room) {
        this.vms = vms;
        this.room = room;
    }

    /** To be called now and then. */
    public void sweep() {
        for (Vm vm : vms.all()) {
            VmRecord record = vm.record();
            boolean isPart =
                    record.phase() == VmRecord.Phase.PAGED && vm.budgetPages() < Pages.fromBytes(record.ramBytes());
            if (isPart && vm.obstacle() != null) {
                gather(vm, record.ramBytes());
            }
        }
        refused.removeIf(vm -> vms.find(vm) == null);
    }

    private void gather(Vm vm, long ramBytes) {
        try {
            VmRegistry.Grant granted = room.grant(vm.uuid(), vm.name(), ramBytes);
            try {
                vm.setBudget(ramBytes);
            } finally {
                granted.close();
            }
            refused.remove(vm.uuid());
            log.warn("vm={} is gathered on this host: {}", vm.uuid(), vm.obstacle());
        } catch (RefusedException e) {
            if (refused.add(vm.uuid())) {
                log.error("vm={} should be whole again and cannot be: {}", vm.uuid(), e.getMessage());
            }
        } catch (IOException e) {
            log.warn("vm={} its budget cannot be changed: {}", vm.uuid(), e.getMessage());
        }
    }
}
