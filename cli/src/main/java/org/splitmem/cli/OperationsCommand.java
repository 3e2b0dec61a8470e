package org.splitmem.cli;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.cli.migration.ProgressText;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationState;
import org.splitmem.model.Rate;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "operations",
        description = {
            "List what is under way on this host and changes where pages of VMs are: splits, migrations from and to it, VMs that are gathered or "
                    + "whose pages move to other sub-hosts, and its own draining; and the command that ends each. \"splitmem cancel ID\" "
                    + "ends any of them.",
            "Exit code 0, whatever there is."
        })
final class OperationsCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Option(
            names = "--ended",
            description =
                    "List those that are over instead, the last one first, with what became of each and why: the last 100, of at most "
                            + "7 days, since the host was started.")
    private boolean ended;

    @Override
    public void run() {
        List<OperationInfo> operations = splitmem.control().operations(ended).stream()
                .filter(operation -> isOver(operation.state()) == ended)
                .toList();
        splitmem.print(operations, ended ? over(operations) : underWay(operations));
    }

    private static boolean isOver(@Nullable OperationState state) {
        return state != null && state.isOver();
    }

    private static Table underWay(List<OperationInfo> operations) {
        var table = new Table(
                "nothing is under way",
                "ID",
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
                    orDash(operation.id()),
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
        return table;
    }

    private static Table over(List<OperationInfo> operations) {
        var table = new Table(
                "nothing has ended", "ID", "OPERATION", "VM", "FROM", "TO", "BEGAN", "ENDED", "STATE", "REASON");
        for (OperationInfo operation : operations) {
            table.row(
                    orDash(operation.id()),
                    operation.kind().text(),
                    orDash(operation.name()),
                    orDash(operation.from()),
                    orDash(operation.to()),
                    time(operation.startedAtMs()),
                    time(operation.finishedAtMs()),
                    operation.phase(),
                    operation.reason() == null ? "" : operation.reason());
        }
        return table;
    }

    private static String time(@Nullable Long ms) {
        return ms == null
                ? "-"
                : Instant.ofEpochMilli(ms).truncatedTo(ChronoUnit.SECONDS).toString();
    }

    private static String orDash(@Nullable String text) {
        return text == null ? "-" : text;
    }
}
