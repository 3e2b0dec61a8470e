package org.splitmem.cli;

import java.util.Locale;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.model.MigrationInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "complete",
        description = {
            "Let a migration be ready after its current round, however much the guest has written meanwhile.",
            "For a guest that writes faster than rounds shrink; what is left is moved during and after the handover."
        })
final class CompleteCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Parameters(paramLabel = "NAME|ID", description = "Name or uuid of the VM, or id of the migration.")
    private String which;

    @Override
    public void run() {
        ControlClient control = splitmem.control();
        MigrationInfo info = control.complete(RunningMigration.find(control.migrations(), which));
        splitmem.print(
                info,
                "migration " + info.id() + " of " + info.name() + " is "
                        + info.phase().name().toLowerCase(Locale.ROOT) + ", in round " + info.round()
                        + "; no further one will be waited for");
    }
}
