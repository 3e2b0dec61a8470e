package org.splitmem.memory.control;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.splitmem.memory.migration.ExpectationFile.Expected;
import org.splitmem.memory.migration.ExpectedSplits;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.VmInfo;

/** All VMs as they look from outside: those that are here, and those that are expected to start. Any thread. */
final class VmViews {
    private final VmRegistry vms;
    private final ExpectedSplits expected;

    VmViews(VmRegistry vms, ExpectedSplits expected) {
        this.vms = vms;
        this.expected = expected;
    }

    List<VmInfo> all() {
        List<VmInfo> all = new ArrayList<>(vms.all().stream().map(Views::of).toList());
        for (Expected one : expected.all()) {
            if (vms.find(one.vm()) == null) {
                all.add(Views.of(one));
            }
        }
        return all;
    }

    Optional<VmInfo> find(String uuidOrName) {
        Optional<VmInfo> here = vms.find(uuidOrName).map(Views::of);
        return here.isPresent() ? here : findExpected(uuidOrName);
    }

    private Optional<VmInfo> findExpected(String uuidOrName) {
        return expected.all().stream()
                .filter(one ->
                        one.vm().toString().equals(uuidOrName) || one.name().equals(uuidOrName))
                .filter(one -> vms.find(one.vm()) == null)
                .findFirst()
                .map(Views::of);
    }
}
