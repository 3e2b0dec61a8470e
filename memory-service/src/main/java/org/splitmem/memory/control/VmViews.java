package org.splitmem.memory.control;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Predicate;
import org.splitmem.memory.migration.ExpectationFile.Expected;
import org.splitmem.memory.migration.ExpectedSplits;
import org.splitmem.memory.migration.SplitStarts;
import org.splitmem.memory.vm.SplitDefinition;
import org.splitmem.memory.vm.Vm;
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

    /** Each once, whatever starts or ends meanwhile: what is not here yet, or no more, is looked for between two looks at what is here. */
    List<VmInfo> all() {
        Map<String, VmInfo> all = new LinkedHashMap<>();
        addHere(all);
        notHere().forEach(one -> all.putIfAbsent(one.uuid(), one));
        addHere(all);
        vms.damaged().all().keySet().forEach(uuid -> all.putIfAbsent(uuid.toString(), Views.frozen(uuid)));
        return List.copyOf(all.values());
    }

    private void addHere(Map<String, VmInfo> all) {
        for (Vm vm : vms.all()) {
            all.computeIfAbsent(vm.uuid().toString(), uuid -> Views.of(vm));
        }
    }

    /** One that is here. A uuid is that of a VM before it is a name: names are chosen by others, and may look like one. */
    Optional<Vm> here(String uuidOrName) {
        UUID uuid = uuid(uuidOrName).orElse(null);
        Vm found = uuid == null ? null : vms.find(uuid);
        return found != null ? Optional.of(found) : vms.find(uuidOrName);
    }

    Optional<VmInfo> find(String uuidOrName) {
        List<VmInfo> all = all();
        return uuid(uuidOrName)
                .flatMap(uuid -> first(all, vm -> vm.uuid().equals(uuid.toString())))
                .or(() -> first(all, vm -> vm.name().equals(uuidOrName)));
    }

    private static Optional<VmInfo> first(List<VmInfo> all, Predicate<VmInfo> wanted) {
        return all.stream().filter(wanted).findFirst();
    }

    /** Empty if it is not written in full. */
    static Optional<UUID> uuid(String text) {
        try {
            UUID uuid = UUID.fromString(text); // which takes 1-1-1-1-1, too
            return Optional.of(uuid).filter(full -> full.toString().equalsIgnoreCase(text));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
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
