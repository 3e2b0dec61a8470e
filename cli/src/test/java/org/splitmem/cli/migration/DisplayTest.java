package org.splitmem.cli.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.splitmem.cli.Infos.migration;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;

class DisplayTest {
    private final StringWriter text = new StringWriter();
    private final PrintWriter out = new PrintWriter(text);

    @Test
    void aTerminalShowsOneLineWithABarAndAllTheNumbers() {
        new LiveLine(out, 200).show(migration(MigrationPhase.PRECOPY));

        assertThat(text.toString())
                .isEqualTo("\r\033[K"
                        + "vm1 h1 -> h2  precopy round 2  [############--------]  61%  244.0 MiB / 400.0 MiB  118.0 MiB/s"
                        + "  dirty 10.0 MiB/s  ETA 1:12");
    }

    @Test
    void theLineNeverFillsTheTerminalsLastColumn() {
        new LiveLine(out, 40).show(migration(MigrationPhase.PRECOPY));

        assertThat(text.toString().substring("\r\033[K".length())).hasSize(39);
    }

    @Test
    void theLineIsGoneWhenItIsOverAndNotesStay() {
        var line = new LiveLine(out, 80);

        line.note("splitmemd does not answer");
        line.show(migration(MigrationPhase.DONE));

        assertThat(text.toString()).isEqualTo("\r\033[Ksplitmemd does not answer\n\r\033[K");
    }

    @Test
    void aLogGetsALineForEachPhaseAndEveryFiveSeconds() {
        var now = new AtomicLong();
        var lines = new PlainLines(out, now::get);

        lines.show(migration(MigrationPhase.PRECOPY));
        lines.show(migration(MigrationPhase.PRECOPY));
        now.addAndGet(5_000_000_000L);
        lines.show(migration(MigrationPhase.PRECOPY));
        lines.show(migration(MigrationPhase.READY));

        assertThat(text.toString().lines())
                .hasSize(3)
                .allMatch(line -> line.startsWith("vm1 h1 -> h2  "))
                .last()
                .asString()
                .startsWith("vm1 h1 -> h2  ready  61%");
    }

    @Test
    void aProgramGetsARecordOnEachLine() {
        var info = migration(MigrationPhase.PRECOPY);

        new JsonLines(out, out).show(info);

        assertThat(text.toString()).hasLineCount(1);
        assertThat(Json.read(text.toString(), MigrationInfo.class)).isEqualTo(info);
    }

    @Test
    void theSummarySaysWhereThePagesAreAndHowLongTheVmStoodStill() {
        assertThat(ProgressText.summary(migration(MigrationPhase.DONE)))
                .isEqualTo("vm1 runs on h2: 400.0 MiB sent in 12.3 s, stopped for 82 ms;"
                        + " 32.0 MiB on h2, 366.0 MiB on h3, 114.0 MiB zero");
    }

    @Test
    void onlyWhatIsDoneIsHundredPercent() {
        assertThat(ProgressText.percent(migration(MigrationPhase.DONE))).isEqualTo(100);
        assertThat(ProgressText.percent(migration(MigrationPhase.HANDOVER))).isEqualTo(61);
    }

    @ParameterizedTest
    @CsvSource({"7, 0:07", "750, 12:30", "3723, 1:02:03"})
    void showsTimeAsAClockDoes(long seconds, String clock) {
        assertThat(ProgressText.clock(seconds)).isEqualTo(clock);
    }
}
