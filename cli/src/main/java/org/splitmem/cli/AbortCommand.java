package org.splitmem.cli;

import java.util.concurrent.Callable;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.cli.migration.Abort;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "abort",
        description = {
            "Give up a migration; the VM stays where it is.",
            "Possible until handover, from when on the destination owns the VM. Waits for the end of the migration, and fails if the VM"
                    + " has moved all the same."
        })
final class AbortCommand implements Callable<Integer> {
    private static final String REASON = "aborted by the operator (splitmem abort)";

    @ParentCommand
    private Splitmem splitmem;

    @Parameters(paramLabel = "NAME|ID", description = "Name or uuid of the VM, or id of the migration.")
    private String which;

    @Override
    public Integer call() throws InterruptedException {
        ControlClient control = splitmem.control();
        String id = RunningMigration.find(control.migrations(), which);
        MigrationInfo info = new Abort(control, splitmem.surroundings().pace()).abort(id, REASON);
        if (info.phase() == MigrationPhase.ABORTED) {
            splitmem.print(info, Abort.told(info));
            return 0;
        }
        if (splitmem.json()) {
            splitmem.out().println(Json.write(info));
        }
        throw new CommandFailedException(Abort.told(info));
    }
}
