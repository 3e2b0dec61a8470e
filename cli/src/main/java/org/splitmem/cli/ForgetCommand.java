package org.splitmem.cli;

import org.splitmem.model.PlainText;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "forget",
        description = {
            "Forget how a VM was split that does not run here any more, or is yet to start: it starts whole.",
            "Needed before a VM is started whole on purpose, and after one was deleted for good. Nova's are forgotten with the server."
        })
final class ForgetCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Parameters(paramLabel = "NAME", description = "Name or uuid of the VM, as 'splitmem vms' lists it.")
    private String vm;

    @Override
    public void run() {
        splitmem.control().forget(vm);
        splitmem.out().println(PlainText.line(vm) + " is forgotten: it starts whole");
    }
}
