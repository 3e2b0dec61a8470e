package org.splitmem.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.cli.migration.ProgressText;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.Rate;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "operations",
        description = {
            "List what is under way on this host and changes where pages of VMs are: migrations from and to it, VMs that are gathered or whose "
                    + "pages move to other sub-hosts, and its own draining; and the command that ends each.",
            "Exit code 0, whatever there is."
        })
final class OperationsCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Override
    public void run() {
        List<OperationInfo> operations = splitmem.control().operations();
        var table = new Table(
                "nothing is under way",
                "OPERATION",
                "VM",
                "FROM",
                "TO",
                "PHASE",
                ">LEFT",
                ">RATE",
                ">ETA",
                "END IT WITH",
                "TROUBLE");
        for (OperationInfo operation : operations) {
            Long left = operation.bytesRemaining();
            Long eta = operation.etaSeconds();
            table.row(
                    operation.kind().text(),
                    orDash(operation.name()),
                    orDash(operation.from()),
                    orDash(operation.to()),
                    operation.phase(),
                    left == null ? "-" : Text.size(left),
                    operation.rateBytesPerSecond() == 0 ? "-" : Rate.rounded(operation.rateBytesPerSecond()),
                    eta == null ? "-" : ProgressText.clock(eta),
                    orDash(operation.end()),
                    operation.trouble() == null ? "" : operation.trouble());
        }
        splitmem.print(operations, table);
    }

    private static String orDash(@Nullable String text) {
        return text == null ? "-" : text;
    }
}
