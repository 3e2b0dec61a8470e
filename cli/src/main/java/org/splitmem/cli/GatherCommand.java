package org.splitmem.cli;

import org.jspecify.annotations.Nullable;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.GatherRequest;
import org.splitmem.model.Rate;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "gather",
        description = {
            "Bring all of a split VM's memory back to this host, at full speed, while it runs.",
            "When the last page is here the VM is whole, and its sub-hosts' memory is free again. It goes on by itself, also after a restart of"
                    + " splitmemd or of a sub-host; 'splitmem budget' with less than the VM's RAM ends it."
        })
final class GatherCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Parameters(paramLabel = "NAME", description = "Name or uuid of the VM.")
    private String vm;

    @Option(
            names = "--bandwidth",
            paramLabel = "RATE",
            description = "Limit of all connections together, as in 10Gbit or 500MiB/s. Default: none.")
    private @Nullable Rate bandwidth;

    @Option(names = "--wait", description = "Return when the VM is whole, and say meanwhile how far it is.")
    private boolean wait;

    @Override
    public void run() {
        ControlClient control = splitmem.control();
        VmInfo info = control.gather(vm, new GatherRequest(bandwidth == null ? null : bandwidth.bytesPerSecond()));
        if (!wait) {
            splitmem.print(info, info.name() + " is being gathered here: " + left(info));
            return;
        }
        VmInfo whole = new BackgroundWait(splitmem, control, "the VM is gathered on")
                .until(info, GatherCommand::isWhole, GatherCommand::left);
        splitmem.print(whole, whole.name() + " is whole here");
    }

    private static boolean isWhole(VmInfo info) {
        if (info.state() == VmState.SPLIT && info.budgetBytes() < info.ramBytes()) {
            throw new CommandFailedException(
                    info.name() + " is gathered no more: its budget is " + Text.size(info.budgetBytes()) + " now");
        }
        return info.state() == VmState.LOCAL;
    }

    private static String left(VmInfo info) {
        GatherInfo gather = info.gather();
        return gather == null ? Text.size(Text.sum(info.remoteBytes().values())) + " to come" : Progress.of(gather);
    }
}
