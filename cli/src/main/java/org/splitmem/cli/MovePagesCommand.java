package org.splitmem.cli;

import java.util.Locale;
import java.util.Optional;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

@Command(
        name = "move-pages",
        description = {
            "Empty a sub-host of a split VM onto others, from server to server, while the VM runs where it is.",
            "When the host has no page of the VM any more, what it had reserved is free again, and it is no sub-host of the VM. Run this on the VM's"
                    + " main host. It goes on by itself, also after a restart of splitmemd or of a sub-host; 'splitmem show' says how far it is, and"
                    + " --cancel ends it."
        })
final class MovePagesCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "NAME", description = "Name or uuid of the VM.")
    private String vm;

    @Option(names = "--from", paramLabel = "HOST", required = true, description = "The sub-host to be emptied.")
    private String from;

    @Mixin
    private TakersOption to = new TakersOption();

    @Mixin
    private BandwidthOption bandwidth = new BandwidthOption();

    @Mixin
    private WaitOption wait = new WaitOption();

    @Option(
            names = "--cancel",
            description =
                    "Stop emptying the host: it keeps what it still has, and pages that were moved stay where they are.")
    private boolean cancel;

    @Override
    public void run() {
        MovePagesRequest request = request();
        ControlClient control = splitmem.control();
        if (cancel) {
            VmInfo info = control.cancelMove(vm, from);
            splitmem.print(info, left(info) == 0 ? empty(info) : kept(info));
            return;
        }
        VmInfo info = control.movePages(vm, request);
        if (wait.isGiven()) {
            info = new BackgroundWait(splitmem)
                    .until(info, new VmWork(control, info, this::isEmpty, this::progress, "the pages are moved on"));
        }
        splitmem.print(info, isEmpty(info) ? empty(info) : info.name() + ": " + progress(info));
    }

    private MovePagesRequest request() {
        if (cancel && (wait.isGiven() || bandwidth.isGiven() || to.isGiven())) {
            throw new ParameterException(spec.commandLine(), "--cancel excludes --to, --bandwidth and --wait");
        }
        return Splitmem.checked(spec, () -> new MovePagesRequest(from, to.hosts(), bandwidth.bytesPerSecond()));
    }

    /** @throws CommandFailedException if it will not be, since it is not emptied any more */
    private boolean isEmpty(VmInfo info) {
        if (info.state() == VmState.LOCAL) {
            return true;
        }
        if (info.state() != VmState.SPLIT || move(info).isPresent()) {
            return false;
        }
        if (left(info) > 0) {
            throw new CommandFailedException(kept(info));
        }
        return true;
    }

    private Optional<MoveInfo> move(VmInfo info) {
        return info.moves().stream().filter(move -> move.from().equals(from)).findFirst();
    }

    private long left(VmInfo info) {
        return info.remoteBytes().getOrDefault(from, 0L);
    }

    private String empty(VmInfo info) {
        return info.state() == VmState.LOCAL
                ? info.name() + " is whole here: " + from + " keeps nothing of it"
                : from + " keeps nothing of " + info.name() + " any more";
    }

    private String kept(VmInfo info) {
        String bytes = Text.size(left(info));
        return info.gather() == null
                ? from + " is emptied no more: it keeps " + bytes + " of " + info.name()
                : info.name() + " is being gathered here: the " + bytes + " that " + from
                        + " keeps go to no other host";
    }

    /** After a restart of splitmemd the VM is GONE until its QEMU is connected again: no move need be listed then. */
    private String progress(VmInfo info) {
        return move(info)
                .map(move -> "moving " + Progress.of(move))
                .orElseGet(() -> "moving from " + from + ": the VM is "
                        + info.state().name().toLowerCase(Locale.ROOT));
    }
}
