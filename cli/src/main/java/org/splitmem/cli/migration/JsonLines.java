package org.splitmem.cli.migration;

import java.io.PrintWriter;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationInfo;

/** For programs: a MigrationInfo on each line, the last one being final. Notes go elsewhere. */
public final class JsonLines implements MigrationDisplay {
    private final PrintWriter out;
    private final PrintWriter notes;

    public JsonLines(PrintWriter out, PrintWriter notes) {
        this.out = out;
        this.notes = notes;
    }

    @Override
    public void show(MigrationInfo info) {
        out.println(Json.write(info));
        out.flush();
    }

    @Override
    public void note(String text) {
        notes.println(text);
        notes.flush();
    }
}
