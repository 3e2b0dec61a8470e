package org.splitmem.cli;

import java.util.List;
import org.splitmem.model.MigrationInfo;

/** Finds a migration by what a user calls it. */
final class RunningMigration {
    private RunningMigration() {}

    /**
     * @param which the migration's id, or name or uuid of a VM that migrates
     * @return the id
     */
    static String find(List<MigrationInfo> migrations, String which) {
        return migrations.stream()
                .filter(m -> m.id().equals(which)
                        || (!m.phase().isOver() && (m.name().equals(which) || m.vm().equals(which))))
                .findFirst()
                .orElseThrow(() -> new CommandFailedException("no migration with the id " + which
                        + ", nor a running one of a VM " + which + ": 'splitmem migrations' lists them"))
                .id();
    }
}
