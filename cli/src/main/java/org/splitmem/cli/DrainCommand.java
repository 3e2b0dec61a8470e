package org.splitmem.cli;

import org.splitmem.cli.control.ControlClient;
import org.splitmem.model.DrainRequest;
import org.splitmem.model.LendingInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

@Command(
        name = "drain",
        description = {
            "Empty a host of all pages that it keeps for VMs of other hosts, while the VMs run where they are.",
            "From now on, also after restarts, the host lends nothing new, and the main host of each VM that has reserved memory there moves its pages to"
                    + " other sub-hosts. It goes on by itself, and what cannot move now is tried again; 'splitmem lend HOST' says how far it is, what does not"
                    + " move, and why. --cancel ends it."
        })
final class DrainCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "HOST", description = "Name of the host, this one or one of its peers.")
    private String host;

    @Mixin
    private TakersOption to = new TakersOption();

    @Mixin
    private WaitOption wait = new WaitOption();

    @Option(
            names = "--cancel",
            description =
                    "The host lends again, and keeps what it still has. Pages that were moved stay where they are.")
    private boolean cancel;

    @Override
    public void run() {
        DrainRequest request = request();
        ControlClient control = splitmem.control();
        if (cancel) {
            LendingInfo info = control.cancelDrain(host);
            splitmem.print(info, "drained no more; " + LendingText.of(info));
            return;
        }
        LendingInfo info = control.drain(host, request);
        if (wait.isGiven()) {
            info = new BackgroundWait(splitmem)
                    .until(info, new LendingWork(splitmem, control, info, LendingText::isDrained));
            if (!LendingText.isDrained(info)) {
                throw new CommandFailedException(host + " is drained no more; " + LendingText.of(info));
            }
        }
        LendCommand.print(splitmem, info);
    }

    private DrainRequest request() {
        if (cancel && (wait.isGiven() || to.isGiven())) {
            throw new ParameterException(spec.commandLine(), "--cancel excludes --to and --wait");
        }
        return Splitmem.checked(spec, () -> new DrainRequest(to.hosts()));
    }
}
