package org.splitmem.cli;

import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.FenceResult;
import org.splitmem.model.PlainText;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "forget-host",
        aliases = "fence",
        description = {
            "State that a host is dead for good, so that all others free what they keep for its VMs.",
            "Power it off first: a VM that still ran there would lose the memory that it has elsewhere.",
            "Refused while its splitmemd answers this host or, without --vm, any other one. Nova's evacuation does the same by itself."
        })
final class ForgetHostCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Parameters(paramLabel = "HOST", description = "Name of the host, as in peers.")
    private String host;

    @Option(names = "--vm", paramLabel = "UUID", description = "Only this VM of it is dead. Default: all.")
    private @Nullable UUID vm;

    @Override
    public void run() {
        FenceResult result = splitmem.control().fence(new FenceRequest(host, vm));
        String nothing = result.kept().isEmpty() ? "nothing was kept for " : "nothing is freed of ";
        var table = new Table(nothing + PlainText.line(host), "HOST", "VM", ">FREED");
        for (FenceResult.Freed freed : result.freed()) {
            table.row(freed.host(), freed.vm(), Text.size(freed.bytes()));
        }
        if (splitmem.json()) {
            splitmem.print(result, "");
            return;
        }
        table.print(splitmem.out());
        if (!result.freed().isEmpty()) {
            splitmem.out().println(PlainText.line(summary(result)));
        }
        for (FenceResult.Kept kept : result.kept()) {
            splitmem.out().println(PlainText.line(remains(kept)));
        }
        if (!result.unreachable().isEmpty()) {
            splitmem.out()
                    .println("not reached: " + String.join(", ", result.unreachable())
                            + "; what is kept there stays until this is said again");
        }
    }

    private String remains(FenceResult.Kept kept) {
        return kept.host() + " keeps " + Text.size(kept.bytes()) + " of VM " + kept.vm() + ": it may have migrated to "
                + kept.next() + " just before, whose splitmemd does not say; if it runs nowhere: splitmem forget-host "
                + host
                + " --vm " + kept.vm();
    }

    private String summary(FenceResult result) {
        long bytes = result.freed().stream().mapToLong(FenceResult.Freed::bytes).sum();
        long vms = result.freed().stream().map(FenceResult.Freed::vm).distinct().count();
        long hosts =
                result.freed().stream().map(FenceResult.Freed::host).distinct().count();
        return "freed " + Text.size(bytes) + " of " + vms + (vms == 1 ? " VM" : " VMs") + " of " + host + ", on "
                + hosts + (hosts == 1 ? " host" : " hosts");
    }
}
