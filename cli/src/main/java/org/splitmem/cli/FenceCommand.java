package org.splitmem.cli;

import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.FenceResult;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "fence",
        description = {
            "State that a host is dead for good, so that all others free what they keep for its VMs.",
            "Power it off first: a VM that still ran there would lose the memory that it has elsewhere.",
            "Refused while its splitmemd answers. Nova's evacuation does the same by itself."
        })
final class FenceCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Parameters(paramLabel = "HOST", description = "Name of the host, as in peers.")
    private String host;

    @Option(names = "--vm", paramLabel = "UUID", description = "Only this VM of it is dead. Default: all.")
    private @Nullable UUID vm;

    @Override
    public void run() {
        FenceResult result = splitmem.control().fence(new FenceRequest(host, vm));
        var table = new Table("nothing was kept for it", "HOST", "VM", ">FREED");
        for (FenceResult.Freed freed : result.freed()) {
            table.row(freed.host(), freed.vm(), Text.size(freed.bytes()));
        }
        if (splitmem.json()) {
            splitmem.print(result, "");
            return;
        }
        table.print(splitmem.out());
        if (!result.unreachable().isEmpty()) {
            splitmem.out()
                    .println("not reached: " + String.join(", ", result.unreachable())
                            + "; what is kept there stays until this is said again");
        }
    }
}
