package org.splitmem.cli;

import org.splitmem.cli.control.ControlClient;
import org.splitmem.model.MigrationInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "abort",
        description = {
            "Give up a migration; the VM runs on where it is.",
            "Possible until handover, from when on the destination owns the VM."
        })
final class AbortCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Parameters(paramLabel = "NAME|ID", description = "Name or uuid of the VM, or id of the migration.")
    private String which;

    @Override
    public void run() {
        ControlClient control = splitmem.control();
        MigrationInfo info = control.abort(RunningMigration.find(control.migrations(), which));
        splitmem.print(
                info, "migration " + info.id() + " of " + info.name() + " aborted; the VM runs on at " + info.source());
    }
}
