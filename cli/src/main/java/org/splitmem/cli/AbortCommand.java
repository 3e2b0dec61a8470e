package org.splitmem.cli;

import java.util.List;
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
        MigrationInfo info = control.abort(find(control.migrations()).id());
        splitmem.print(
                info, "migration " + info.id() + " of " + info.name() + " aborted; the VM runs on at " + info.source());
    }

    private MigrationInfo find(List<MigrationInfo> migrations) {
        return migrations.stream()
                .filter(m -> m.id().equals(which)
                        || (!m.phase().isOver() && (m.name().equals(which) || m.vm().equals(which))))
                .findFirst()
                .orElseThrow(() -> new CommandFailedException("no migration with the id " + which
                        + ", nor a running one of a VM " + which + ": 'splitmem migrations' lists them"));
    }
}
