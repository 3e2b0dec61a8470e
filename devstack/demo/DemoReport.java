import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.splitmem.model.DataSize;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;

/**
 * Tells how a run of demo.sh went: in words, as JSON, and as a plot.
 *
 * <p>Usage: DemoReport DIRECTORY REPORT PLOT. Exit code 1 if a page was corrupt.
 */
final class DemoReport {
    private static final int PAGE_BYTES = 4096;

    private final Recording recording;
    private final MigrationInfo migration;
    private final double before;
    private final double during;
    private final double after;

    private DemoReport(Recording recording) {
        this.recording = recording;
        this.migration = recording.migration();
        var windows = recording.windows();
        before = recording.throughput(windows.get(0));
        during = recording.throughput(windows.get(1));
        after = recording.throughput(windows.get(2));
    }

    public static void main(String[] args) throws IOException {
        Recording recording = Recording.read(Path.of(args[0]));
        var report = new DemoReport(recording);
        Path json = Path.of(args[1]);
        Path plot = Path.of(args[2]);
        Files.writeString(
                json,
                Json.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(report.numbers())
                        + System.lineSeparator());
        Files.writeString(plot, new DemoPlot(recording).svg());
        report.print(new PrintStream(System.out, true, StandardCharsets.UTF_8));
        System.out.println("  report     " + json);
        System.out.println("  plot       " + plot);
        System.exit(recording.corruptPages() == 0 ? 0 : 1);
    }

    private double totalSeconds() {
        Long finished = migration.finishedAtMs();
        return finished == null ? recording.phase(MigrationPhase.DONE) : (finished - migration.startedAtMs()) / 1000.0;
    }

    private Map<String, Object> numbers() {
        Map<String, Object> pages = new LinkedHashMap<>();
        pages.put("main", migration.pages().main());
        pages.put("sub_hosts", new TreeMap<>(migration.pages().subHosts()));
        pages.put("zero", migration.pages().zero());
        Map<String, Object> pageIn = new LinkedHashMap<>();
        pageIn.put("p50", recording.vm().pageInUs().p50());
        pageIn.put("p99", recording.vm().pageInUs().p99());
        Map<String, Object> ops = new LinkedHashMap<>();
        ops.put("before", Math.round(before));
        ops.put("during", Math.round(during));
        ops.put("after", Math.round(after));
        Map<String, Object> numbers = new LinkedHashMap<>();
        numbers.put("total_seconds", totalSeconds());
        numbers.put("downtime_ms", migration.downtimeMs());
        numbers.put("pages", pages);
        numbers.put("corrupt_pages", recording.corruptPages());
        numbers.put("page_in_us", pageIn);
        numbers.put("guest_ops_per_s", ops);
        numbers.put("moves", recording.moves().stream().map(DemoReport::numbers).toList());
        return numbers;
    }

    private static Map<String, Object> numbers(Recording.Move move) {
        Map<String, Object> numbers = new LinkedHashMap<>();
        numbers.put("kind", move.kind());
        numbers.put("from", move.migration().source());
        numbers.put("to", move.migration().destination());
        numbers.put("seconds", Math.round((move.to() - move.from()) * 1000) / 1000.0);
        numbers.put("downtime_ms", move.migration().downtimeMs());
        numbers.put("pages_moved", move.pagesMoved());
        numbers.put("pages_kept", move.pagesKept());
        numbers.put("pages_verified", move.pagesVerified());
        numbers.put("corrupt_pages", move.corruptPages());
        return numbers;
    }

    private void print(PrintStream out) {
        double sent = migration.bytesDone();
        out.println("  where      "
                + place(
                        migration.pages().main(),
                        "on " + migration.destination() + ", its main host (budget "
                                + DataSize.ofBytes(migration.budgetBytes()).rounded() + ")"));
        new TreeMap<>(migration.pages().subHosts())
                .forEach((host, pages) -> out.println("             " + place(pages, "on " + host)));
        out.println("             " + place(migration.pages().zero(), "all zero, sent to nobody"));
        line(
                out,
                "migration  %.1f s from request to done, %s sent, stood still for %.0f ms",
                totalSeconds(),
                DataSize.ofBytes((long) sent).rounded(),
                migration.downtimeMs());
        var pageIn = recording.vm().pageInUs();
        line(
                out,
                "page-in    p50 %.0f us, p99 %.0f us, of %,d waits for a page on " + migration.destination(),
                pageIn.p50(),
                pageIn.p99(),
                pageIn.count());
        line(
                out,
                "throughput %,.0f ops/s before, %,.0f during (%.0f %%), %,.0f after (%.0f %%)",
                before,
                during,
                100 * during / before,
                after,
                100 * after / before);
        recording.moves().forEach(move -> print(out, move));
        var switched = recording.at(recording.phase(MigrationPhase.HANDOVER));
        line(
                out,
                "memory     %,d pages verified since it left %s%s; corrupt pages: %d",
                recording.last().verified() - switched.verified(),
                migration.source(),
                recording.moves().isEmpty() ? "" : " first",
                recording.corruptPages());
    }

    private static void print(PrintStream out, Recording.Move move) {
        boolean gathered = move.kind().equals(Recording.GATHER);
        line(
                out,
                "%s  %s to %s in %.1f s, stood still for %.0f ms: %,d pages moved, %,d %s",
                gathered ? "gathered " : "moved on ",
                move.migration().source(),
                move.migration().destination(),
                move.to() - move.from(),
                move.migration().downtimeMs(),
                move.pagesMoved(),
                move.pagesKept(),
                gathered ? "are elsewhere" : "stayed where they were");
        line(out, "           then %,d pages verified, %d corrupt", move.pagesVerified(), move.corruptPages());
    }

    private static String place(long pages, String where) {
        return String.format(
                Locale.ROOT,
                "%9s  %,8d pages  %s",
                DataSize.ofBytes(pages * PAGE_BYTES).rounded(),
                pages,
                where);
    }

    private static void line(PrintStream out, String format, Object... values) {
        out.println("  " + String.format(Locale.ROOT, format, values));
    }
}
