package org.splitmem.cli;

import java.util.List;
import org.splitmem.model.DataSize;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "split",
        description = {
            "Split a VM of this host without moving it: what is above the budget goes to sub-hosts.",
            "Least used pages go first. A budget of all its RAM makes it whole again, see 'splitmem budget'."
        })
final class SplitCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Parameters(paramLabel = "NAME", description = "Name or uuid of the VM.")
    private String vm;

    @Option(
            names = "--budget",
            paramLabel = "SIZE",
            required = true,
            description = "How much of the VM's RAM may stay on this host.")
    private DataSize budget;

    @Option(
            names = "--sub-host",
            paramLabel = "SHARE",
            required = true,
            description =
                    "A host that keeps what is above the budget, as h3, or h3=64GiB with how much at most; repeat it for more. "
                            + "Default: an even part of what the others leave.")
    private List<SubHostShare> subHosts = List.of();

    @Override
    public void run() {
        VmInfo info = splitmem.control().split(vm, new SplitRequest(null, null, budget.bytes(), subHosts));
        splitmem.print(
                info,
                info.name() + " is split: budget " + Text.size(info.budgetBytes()) + ", resident "
                        + Text.size(info.residentBytes()) + "; page-outs follow");
    }
}
