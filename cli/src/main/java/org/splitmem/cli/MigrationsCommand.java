package org.splitmem.cli;

import java.util.Comparator;
import java.util.List;
import org.splitmem.cli.migration.ProgressText;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.Rate;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

@Command(name = "migrations", description = "List the migrations from this host, the newest last.")
final class MigrationsCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Override
    public void run() {
        List<MigrationInfo> migrations = splitmem.control().migrations().stream()
                .sorted(Comparator.comparingLong(MigrationInfo::startedAtMs))
                .toList();
        var table = new Table(
                "no migrations", "ID", "VM", "PHASE", "FROM", "TO", ">DONE", ">TOTAL", ">RATE", ">ETA", "REASON");
        for (MigrationInfo migration : migrations) {
            Long eta = migration.etaSeconds();
            String reason = migration.reason();
            table.row(
                    migration.id(),
                    migration.name(),
                    ProgressText.phase(migration.phase()),
                    migration.source(),
                    migration.destination(),
                    Text.size(migration.bytesDone()),
                    Text.size(migration.bytesTotal()),
                    migration.phase().isOver() ? "-" : Rate.rounded(migration.rateBytesPerSecond()),
                    eta == null || migration.phase().isOver() ? "-" : ProgressText.clock(eta),
                    reason == null ? "" : reason);
        }
        splitmem.print(migrations, table);
    }
}
