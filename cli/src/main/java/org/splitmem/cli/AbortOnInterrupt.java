package org.splitmem.cli;

import java.io.PrintWriter;
import org.splitmem.cli.migration.MigrationRun;
import org.splitmem.model.PlainText;

/** While armed: when the program is interrupted (Ctrl-C, SIGTERM), the migration is given up, and the user told what became of it. */
final class AbortOnInterrupt implements AutoCloseable {
    private final MigrationRun run;
    private final PrintWriter err;
    private final Thread hook = new Thread(this::abandon, "interrupted");

    AbortOnInterrupt(MigrationRun run, PrintWriter err) {
        this.run = run;
        this.err = err;
    }

    void arm() {
        Runtime.getRuntime().addShutdownHook(hook);
    }

    private void abandon() {
        try {
            String told = run.abandon();
            if (told != null) {
                // Below the line of the progress.
                err.println();
                err.println("splitmem: interrupted: " + PlainText.line(told));
            }
        } catch (InterruptedException e) {
            // Nobody interrupts this thread; if somebody did, it ends with the program.
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The program is ending already: the hook runs.
        }
    }
}
