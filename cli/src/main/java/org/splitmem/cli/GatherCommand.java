package org.splitmem.cli;

import org.splitmem.cli.control.ControlClient;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.GatherRequest;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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

    @Mixin
    private BandwidthOption bandwidth = new BandwidthOption();

    @Mixin
    private WaitOption wait = new WaitOption();

    @Override
    public void run() {
        ControlClient control = splitmem.control();
        VmInfo info = control.gather(vm, new GatherRequest(bandwidth.bytesPerSecond()));
        if (!wait.isGiven()) {
            splitmem.print(info, info.name() + " is being gathered here: " + left(info));
            return;
        }
        VmInfo whole = new BackgroundWait(splitmem)
                .until(
                        info,
                        new VmWork(
                                control, info, GatherCommand::isWhole, GatherCommand::left, "the VM is gathered on"));
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
