package org.splitmem.memory.control;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.splitmem.memory.migration.ExpectationFile.Expected;
import org.splitmem.memory.migration.ExpectedSplits;
import org.splitmem.memory.migration.SplitStarts;
import org.splitmem.memory.vm.SplitDefinition;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.VmInfo;

/** All VMs as they look from outside: those that are here, those that are expected to start, and those that ended split. Any thread. */
final class VmViews {
    private final VmRegistry vms;
    private final ExpectedSplits expected;
    private final SplitStarts starts;

    VmViews(VmRegistry vms, ExpectedSplits expected, SplitStarts starts) {
        this.vms = vms;
        this.expected = expected;
        this.starts = starts;
    }

    List<VmInfo> all() {
        List<VmInfo> all = new ArrayList<>(vms.all().stream().map(Views::of).toList());
        all.addAll(notHere());
        vms.damaged().all().keySet().forEach(uuid -> all.add(Views.frozen(uuid)));
        return all;
    }

    Optional<VmInfo> find(String uuidOrName) {
        Optional<VmInfo> here = vms.find(uuidOrName).map(Views::of);
        return here.isPresent()
                ? here
                : all().stream()
                        .filter(vm -> vm.uuid().equals(uuidOrName) || vm.name().equals(uuidOrName))
                        .findFirst();
    }

    /** Those that are expected; and those that are split when they start again, unless something else is expected of them. */
    private List<VmInfo> notHere() {
        List<VmInfo> found = new ArrayList<>();
        for (Expected one : expected.all()) {
            if (vms.find(one.vm()) == null) {
                found.add(Views.of(one));
            }
        }
        for (SplitDefinition definition : starts.definitions()) {
            if (vms.find(definition.vm()) == null && expected.find(definition.vm()) == null) {
                found.add(Views.of(definition));
            }
        }
        return found;
    }
}
