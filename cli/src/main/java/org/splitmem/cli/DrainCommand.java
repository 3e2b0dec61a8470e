package org.splitmem.cli;

import java.util.List;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.model.DrainRequest;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.SubHostShare;
import picocli.CommandLine.Command;
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

    @Option(
            names = "--to",
            paramLabel = "SHARE",
            description =
                    "A host that may take pages, as h4, or h4=64GiB with how much at most of all VMs together; repeat it for more. Default: none; the"
                            + " other sub-hosts of each VM take its pages, as far as they have room.")
    private List<SubHostShare> to = List.of();

    @Option(
            names = "--wait",
            description =
                    "Return when the host is empty, and say meanwhile how far it is; with exit status 1 if nothing has moved for a minute, after a list of what"
                            + " does not move and why.")
    private boolean wait;

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
        if (wait) {
            info = new LendingWait(splitmem, control, host).untilOver(info, LendingText::isDrained);
            if (!LendingText.isDrained(info)) {
                throw new CommandFailedException(host + " is drained no more; " + LendingText.of(info));
            }
        }
        LendCommand.print(splitmem, info);
    }

    private DrainRequest request() {
        if (cancel && (wait || !to.isEmpty())) {
            throw new ParameterException(spec.commandLine(), "--cancel excludes --to and --wait");
        }
        try {
            return new DrainRequest(to);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
        }
    }
}
