package org.splitmem.cli;

import org.splitmem.model.DataSize;
import org.splitmem.model.VmInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "budget",
        description = {
            "Set how much of a VM's RAM may be resident on this host.",
            "What is above the budget is paged out to its sub-hosts, least used pages first."
        })
final class BudgetCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Parameters(index = "0", paramLabel = "NAME", description = "Name or uuid of the VM.")
    private String vm;

    @Parameters(index = "1", paramLabel = "SIZE", description = "As in 512MiB, 1.5GiB, 2T.")
    private DataSize size;

    @Override
    public void run() {
        VmInfo info = splitmem.control().setBudget(vm, size.bytes());
        splitmem.print(
                info,
                info.name() + ": budget " + Text.size(info.budgetBytes()) + ", resident "
                        + Text.size(info.residentBytes()));
    }
}
