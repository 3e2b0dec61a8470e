package org.splitmem.cli.migration;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import org.splitmem.model.DataSize;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.PagePlacement;
import org.splitmem.model.PlainText;
import org.splitmem.model.Rate;

/** A migration in words. Pure functions. */
public final class ProgressText {
    private static final int PAGE_BYTES = 4096;
    private static final int BAR_WIDTH = 20;

    private ProgressText() {}

    /** Who, from where to where, and how far: without the numbers. */
    static String headline(MigrationInfo info) {
        String round = info.phase() == MigrationPhase.PRECOPY ? " round " + info.round() : "";
        return PlainText.line(info.name()) + " " + info.source() + " -> " + info.destination() + "  "
                + phase(info.phase()) + round;
    }

    /** One line with all that matters while it runs. */
    static String line(MigrationInfo info) {
        return headline(info) + "  " + numbers(info);
    }

    /** As {@link #line}, with a bar, cut to the terminal's width. */
    static String barLine(MigrationInfo info, int columns) {
        String line = headline(info) + "  " + bar(info) + "  " + numbers(info);
        return line.length() <= columns ? line : line.substring(0, Math.max(0, columns));
    }

    /** Of a VM that is known: what the migration changes, who is to own its memory, and how far it is. */
    public static String brief(MigrationInfo info) {
        String text = info.kind().text() + ", next owner " + info.destination() + ": " + phase(info.phase()) + ", "
                + size(info.bytesRemaining()) + " of " + size(info.bytesTotal()) + " left";
        return info.stayingPages() == 0
                ? text
                : text + "; " + size(info.stayingPages() * PAGE_BYTES) + " stay on sub-hosts";
    }

    static String numbers(MigrationInfo info) {
        List<String> parts = new ArrayList<>();
        parts.add(percent(info) + "%");
        parts.add(size(info.bytesDone()) + " / " + size(info.bytesTotal()));
        parts.add(Rate.rounded(info.rateBytesPerSecond()));
        parts.add("dirty " + Rate.rounded(info.dirtyBytesPerSecond()));
        Long eta = info.etaSeconds();
        if (eta != null) {
            parts.add("ETA " + clock(eta));
        }
        return String.join("  ", parts);
    }

    static String bar(MigrationInfo info) {
        int full = percent(info) * BAR_WIDTH / 100;
        return "[" + "#".repeat(full) + "-".repeat(BAR_WIDTH - full) + "]";
    }

    /** 0-100; 100 only when nothing is left. */
    static int percent(MigrationInfo info) {
        if (info.bytesTotal() == 0) {
            return info.phase() == MigrationPhase.DONE ? 100 : 0;
        }
        double done = (double) info.bytesDone() / info.bytesTotal();
        return info.bytesRemaining() == 0 && done >= 1 ? 100 : (int) Math.min(99, 100 * done);
    }

    /** What a finished migration did; one line. */
    public static String summary(MigrationInfo info) {
        var text = new StringBuilder(PlainText.line(info.name()))
                .append(" runs on ")
                .append(info.destination());
        text.append(": ").append(size(info.bytesDone())).append(" sent");
        Long finished = info.finishedAtMs();
        if (finished != null) {
            text.append(String.format(Locale.ROOT, " in %.1f s", (finished - info.startedAtMs()) / 1000.0));
        }
        Double downtime = info.downtimeMs();
        if (downtime != null) {
            text.append(String.format(Locale.ROOT, ", stopped for %.0f ms", downtime));
        }
        return text.append("; ")
                .append(placement(info.destination(), info.pages()))
                .toString();
    }

    private static String placement(String main, PagePlacement pages) {
        List<String> parts = new ArrayList<>();
        parts.add(size(pages.main() * PAGE_BYTES) + " on " + main);
        new TreeMap<>(pages.subHosts()).forEach((host, count) -> parts.add(size(count * PAGE_BYTES) + " on " + host));
        parts.add(size(pages.zero() * PAGE_BYTES) + " zero");
        return String.join(", ", parts);
    }

    /** The phase as people say it: lower case. */
    public static String phase(MigrationPhase phase) {
        return phase.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    /** {@code 0:07}, {@code 12:30}, {@code 1:02:03}. */
    public static String clock(long seconds) {
        return seconds < 3600
                ? String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60)
                : String.format(Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }

    private static String size(long bytes) {
        return DataSize.ofBytes(bytes).rounded();
    }
}
