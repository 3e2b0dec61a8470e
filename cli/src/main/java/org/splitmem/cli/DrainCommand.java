package org.splitmem.cli;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.splitmem.cli.bridge.BridgeClient;
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

    @Option(
            names = "--nova",
            description =
                    "Ask nova-bridge, which chooses the hosts that take the pages, and says why there is none: for a machine without splitmemd. On any host the"
                            + " command does without it: nova-bridge sees that HOST is drained. The token is found as by 'splitmem plan'.")
    private boolean nova;

    @Option(
            names = "--bridge",
            paramLabel = "URL",
            description =
                    "nova-bridge, for --nova. Default: $SPLITMEM_BRIDGE, or as in Keystone's catalog (split-migration).")
    private @Nullable String bridge;

    @Override
    public void run() {
        DrainRequest request = request();
        if (nova) {
            BridgeClient client = PlanCommand.bridge(splitmem, bridge);
            run(() -> client.drain(host), () -> client.cancelDrain(host), () -> client.lending(host));
        } else {
            ControlClient control = splitmem.control();
            run(() -> control.drain(host, request), () -> control.cancelDrain(host), () -> control.lending(host));
        }
    }

    private void run(Supplier<LendingInfo> begin, Supplier<LendingInfo> end, Supplier<LendingInfo> question) {
        if (cancel) {
            LendingInfo info = end.get();
            splitmem.print(info, "drained no more; " + LendingText.of(info));
            return;
        }
        LendingInfo info = begin.get();
        if (wait.isGiven()) {
            info = new BackgroundWait(splitmem)
                    .until(info, new LendingWork(splitmem, question, info, LendingText::isDrained));
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
        if (nova && to.isGiven()) {
            throw new ParameterException(spec.commandLine(), "--nova excludes --to: nova-bridge chooses");
        }
        if (bridge != null && !nova) {
            throw new ParameterException(spec.commandLine(), "--bridge needs --nova");
        }
        return Splitmem.checked(spec, () -> new DrainRequest(to.hosts()));
    }
}
