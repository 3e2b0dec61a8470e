package org.splitmem.cli.migration;

import org.splitmem.model.MigrationInfo;

/** Shows how a migration goes. Called from one thread; never blocks for long. */
public interface MigrationDisplay {
    /** Nothing is shown. */
    MigrationDisplay SILENT = new MigrationDisplay() {
        @Override
        public void show(MigrationInfo info) {}

        @Override
        public void note(String text) {}
    };

    /** Called a few times a second, and once when it is over. */
    void show(MigrationInfo info);

    /** Something that the user should know, besides. */
    void note(String text);
}
