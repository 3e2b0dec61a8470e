package org.splitmem.cli;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.splitmem.model.VmInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

@Command(name = "vms", description = "List the VMs whose memory this host knows.")
final class VmsCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Override
    public void run() {
        List<VmInfo> vms = splitmem.control().vms().stream()
                .sorted(Comparator.comparing(VmInfo::name))
                .toList();
        var table = new Table(
                "no VMs",
                "NAME",
                "UUID",
                "STATE",
                ">RAM",
                ">BUDGET",
                ">RESIDENT",
                ">REMOTE",
                ">ZERO",
                ">WORKING SET",
                ">PAGE-INS");
        for (VmInfo vm : vms) {
            table.row(
                    vm.name(),
                    vm.uuid(),
                    vm.state().name().toLowerCase(Locale.ROOT),
                    Text.size(vm.ramBytes()),
                    Text.size(vm.budgetBytes()),
                    Text.size(vm.residentBytes()),
                    Text.size(Text.sum(vm.remoteBytes().values())),
                    Text.size(vm.zeroBytes()),
                    Text.sizeOrDash(vm.workingSetBytes()),
                    Long.toString(vm.faults().pageIns()));
        }
        splitmem.print(vms, table);
    }
}
