package org.splitmem.cli.migration;

import java.io.PrintWriter;
import java.util.function.LongSupplier;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.PlainText;

/** For logs and pipes: a line for each phase and round, and every few seconds. */
public final class PlainLines implements MigrationDisplay {
    private static final long EVERY_NS = 5_000_000_000L;

    private final PrintWriter out;
    private final LongSupplier nowNs;
    private String headline = "";
    private long shownNs;

    /** @param nowNs a clock as {@link System#nanoTime} */
    public PlainLines(PrintWriter out, LongSupplier nowNs) {
        this.out = out;
        this.nowNs = nowNs;
    }

    @Override
    public void show(MigrationInfo info) {
        if (info.phase().isOver()) {
            // The result is told by others.
            return;
        }
        String now = ProgressText.headline(info);
        if (!now.equals(headline) || nowNs.getAsLong() - shownNs >= EVERY_NS) {
            headline = now;
            shownNs = nowNs.getAsLong();
            out.println(ProgressText.line(info));
            out.flush();
        }
    }

    @Override
    public void note(String text) {
        out.println(PlainText.line(text));
        out.flush();
    }
}
