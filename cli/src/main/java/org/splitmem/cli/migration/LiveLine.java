package org.splitmem.cli.migration;

import java.io.PrintWriter;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.PlainText;

/** One line at the bottom of a terminal that is written again and again; it is gone when the migration is over. */
public final class LiveLine implements MigrationDisplay {
    private static final String TO_START_AND_CLEAR = "\r\033[K";

    private final PrintWriter terminal;
    private final int columns;

    /** @param columns the terminal's width */
    public LiveLine(PrintWriter terminal, int columns) {
        this.terminal = terminal;
        this.columns = columns;
    }

    @Override
    public void show(MigrationInfo info) {
        terminal.print(TO_START_AND_CLEAR);
        if (!info.phase().isOver()) {
            // The last column stays free: terminals wrap when it is written.
            terminal.print(ProgressText.barLine(info, columns - 1));
        }
        terminal.flush();
    }

    @Override
    public void note(String text) {
        terminal.println(TO_START_AND_CLEAR + PlainText.line(text));
        terminal.flush();
    }
}
