package org.splitmem.cli;

import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.splitmem.cli.migration.ProgressText;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.Rate;

/** How far pages are that splitmemd moves in the background, in words. Pure functions. */
final class Progress {
    private Progress() {}

    /** {@code 1.2 GiB to come, 850 MiB/s, 0:02 left}. */
    static String of(GatherInfo gather) {
        return numbers(
                        gather.bytesRemaining(),
                        "to come",
                        gather.rateBytesPerSecond(),
                        gather.etaSeconds(),
                        gather.bandwidthBytesPerSecond())
                + (gather.trouble() == null ? "" : "; waits for " + gather.trouble());
    }

    /** {@code from h3: 1.2 GiB to go, 850 MiB/s, 0:02 left}. */
    static String of(MoveInfo move) {
        return "from " + move.from() + ": "
                + numbers(
                        move.bytesRemaining(),
                        "to go",
                        move.rateBytesPerSecond(),
                        move.etaSeconds(),
                        move.bandwidthBytesPerSecond())
                + (move.trouble() == null ? "" : "; trouble: " + move.trouble());
    }

    static String numbers(long bytes, String direction, long rate, @Nullable Long etaSeconds, @Nullable Long limit) {
        return Text.size(bytes) + " " + direction
                + (etaSeconds == null
                        ? ""
                        : String.format(
                                Locale.ROOT, ", %s, %s left", Rate.rounded(rate), ProgressText.clock(etaSeconds)))
                + (limit == null ? "" : ", at most " + Rate.rounded(limit));
    }
}
