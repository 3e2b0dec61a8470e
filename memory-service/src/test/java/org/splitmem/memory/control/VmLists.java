package org.splitmem.memory.control;

import java.util.List;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.VmInfo;

/** A daemon's VMs as its control API lists them, for tests without HTTP. */
public final class VmLists {
    private VmLists() {}

    public static List<VmInfo> of(VmRegistry vms) {
        return vms.all().stream().map(Views::of).toList();
    }
}
