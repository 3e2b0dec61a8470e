import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.splitmem.model.MigrationPhase;

/**
 * Draws a run as SVG: the guest's throughput above, the memory that each host holds below; on the left the migration from near, on the
 * right the whole run.
 */
final class DemoPlot {
    private static final int WIDTH = 1060;
    private static final int HEIGHT = 640;
    private static final double NEAR_LEFT = 75;
    private static final double NEAR_RIGHT = 465;
    private static final double WHOLE_LEFT = 545;
    private static final double WHOLE_RIGHT = 1035;
    private static final double UPPER_TOP = 125;
    private static final double UPPER_BOTTOM = 315;
    private static final double LOWER_TOP = 355;
    private static final double LOWER_BOTTOM = 545;
    private static final double PHASE_ROW = 15;
    private static final double CHARACTER = 6.2;
    private static final int MEBIBYTE = 1 << 20;
    /** More sub-hosts than this are drawn as one. */
    private static final int SUB_HOSTS_APART = 3;

    private static final String THROUGHPUT = "#0f766e";
    private static final List<String> HOST_COLORS = List.of("#6b7280", "#2563eb", "#d97706", "#9333ea", "#be123c");
    private static final String PHASES = "#b91c1c";

    private final Recording recording;
    private final double start;
    private final double end;
    private final StringBuilder svg = new StringBuilder();

    DemoPlot(Recording recording) {
        this.recording = recording;
        this.start = recording.first().seconds();
        this.end = recording.last().seconds();
    }

    /** Where a range of values lies on the drawing. */
    private record Panel(
            double left, double right, double top, double bottom, double from, double to, double highest, double step) {
        double x(double seconds) {
            return left + (seconds - from) / (to - from) * (right - left);
        }

        double y(double value) {
            return bottom - value / highest * (bottom - top);
        }
    }

    private record Point(double seconds, double value) {}

    private record Line(String name, String color, List<Point> points) {}

    private record Phase(String name, double seconds) {}

    private record Band(String name, double from, double to) {}

    String svg() {
        add(
                "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' width='%d' height='%d' "
                        + "font-family='Helvetica, Arial, sans-serif' font-size='12' fill='#1f2937'>",
                WIDTH, HEIGHT, WIDTH, HEIGHT);
        add("<rect width='100%%' height='100%%' fill='white'/>");
        var migration = recording.migration();
        text(
                NEAR_LEFT,
                28,
                "start",
                "font-size='16' font-weight='bold'",
                String.format(
                        Locale.ROOT,
                        "Split migration of a running guest from %s to %s: %d MiB of RAM, budget %d MiB",
                        migration.source(),
                        targets(),
                        recording.vm().ramBytes() / MEBIBYTE,
                        migration.budgetBytes() / MEBIBYTE));
        text((NEAR_LEFT + NEAR_RIGHT) / 2, 52, "middle", "fill='#4b5563'", "the migration");
        text((WHOLE_LEFT + WHOLE_RIGHT) / 2, 52, "middle", "fill='#4b5563'", "the whole run");
        text((WHOLE_LEFT + WHOLE_RIGHT) / 2, 70, "middle", "fill='#4b5563'", means());
        List<Line> throughput = List.of(throughput());
        List<Line> memory = memory();
        double near = recording.phase(MigrationPhase.DONE);
        double margin = Math.max(2, near / 2);
        List<Double> left = List.of(NEAR_LEFT, NEAR_RIGHT, Math.max(start, -margin), Math.min(end, near + margin));
        List<Double> right = List.of(WHOLE_LEFT, WHOLE_RIGHT, start, end);
        for (List<Double> column : List.of(left, right)) {
            Panel upper = panel(column, UPPER_TOP, UPPER_BOTTOM, throughput, 0);
            Panel lower = panel(column, LOWER_TOP, LOWER_BOTTOM, memory, 0);
            draw(upper, throughput);
            draw(lower, memory);
            budget(lower);
            phases(upper, lower, column == left);
            if (column == right) {
                recording.windows().forEach(window -> mean(upper, window));
            }
        }
        axisTitles();
        legend(memory);
        add("</svg>");
        return svg.toString();
    }

    private String means() {
        List<String> means = recording.windows().stream()
                .map(window ->
                        String.format(Locale.ROOT, "%,.0f %s", recording.throughput(window) / 1000, window.name()))
                .toList();
        return "mean throughput: " + String.join(", ", means);
    }

    private String targets() {
        List<String> hosts = new ArrayList<>(List.of(recording.migration().destination()));
        hosts.addAll(subHosts());
        return hosts.size() <= 2
                ? String.join(" and ", hosts)
                : hosts.get(0) + " and " + hosts.get(1) + " to " + hosts.get(hosts.size() - 1);
    }

    private List<String> subHosts() {
        return recording.memory().keySet().stream()
                .filter(recording.migration().pages().subHosts()::containsKey)
                .toList();
    }

    // ---- data

    private Line throughput() {
        List<Point> points = new ArrayList<>();
        double last = Double.NaN;
        for (var tick : recording.ticks()) {
            if (tick.seconds() - last > 0.01) {
                points.add(new Point(tick.seconds(), tick.ops() / (tick.seconds() - last) / 1000));
            }
            last = tick.seconds();
        }
        return new Line("guest throughput", THROUGHPUT, points);
    }

    private List<Line> memory() {
        List<String> lenders = subHosts();
        Map<String, List<Point>> series = new LinkedHashMap<>();
        recording.memory().forEach((host, samples) -> {
            boolean together = lenders.size() > SUB_HOSTS_APART && lenders.contains(host);
            String name = together ? lenders.get(0) + " to " + lenders.get(lenders.size() - 1) + " together" : host;
            List<Point> points = samples.stream()
                    .map(sample -> new Point(sample.seconds(), (double) sample.bytes() / MEBIBYTE))
                    .toList();
            series.merge(name, points, DemoPlot::sum);
        });
        List<Line> lines = new ArrayList<>();
        series.forEach((name, points) ->
                lines.add(new Line(name + role(name), HOST_COLORS.get(lines.size() % HOST_COLORS.size()), points)));
        return lines;
    }

    private String role(String host) {
        if (host.equals(recording.migration().source())) {
            return " (source)";
        }
        if (host.equals(recording.migration().destination())) {
            return " (main host)";
        }
        boolean isNext = recording.moves().stream()
                .anyMatch(move -> host.equals(move.migration().destination()));
        return isNext ? " (next main host)" : " (lent)";
    }

    /** At the times of the first; the hosts are sampled in the same rhythm. */
    private static List<Point> sum(List<Point> some, List<Point> others) {
        List<Point> sums = new ArrayList<>();
        for (int i = 0; i < Math.min(some.size(), others.size()); i++) {
            sums.add(new Point(
                    some.get(i).seconds(), some.get(i).value() + others.get(i).value()));
        }
        return sums;
    }

    // ---- drawing

    private static Panel panel(List<Double> column, double top, double bottom, List<Line> lines, double least) {
        double highest = lines.stream()
                .flatMap(line -> line.points().stream())
                .mapToDouble(Point::value)
                .reduce(least, Math::max);
        double step = step(Math.max(highest, 1), 5);
        return new Panel(
                column.get(0),
                column.get(1),
                top,
                bottom,
                column.get(2),
                column.get(3),
                Math.ceil(Math.max(highest, 1) * 1.02 / step) * step,
                step);
    }

    /** A round number of which about so many fit. */
    private static double step(double range, int count) {
        double rough = range / count;
        double power = Math.pow(10, Math.floor(Math.log10(rough)));
        for (double factor : new double[] {1, 2, 2.5, 5}) {
            if (factor * power >= rough) {
                return factor * power;
            }
        }
        return 10 * power;
    }

    private void draw(Panel panel, List<Line> lines) {
        for (double value = 0; value <= panel.highest() * 1.001; value += panel.step()) {
            double y = panel.y(value);
            add("<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='#e5e7eb'/>", panel.left(), y, panel.right(), y);
            text(panel.left() - 7, y + 4, "end", "", String.format(Locale.ROOT, "%,.0f", value));
        }
        double step = step(panel.to() - panel.from(), 8);
        for (double at = Math.ceil(panel.from() / step) * step; at <= panel.to(); at += step) {
            double x = panel.x(at);
            add(
                    "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='#9ca3af'/>",
                    x, panel.bottom(), x, panel.bottom() + 4);
            text(
                    x,
                    panel.bottom() + 17,
                    "middle",
                    "",
                    String.format(Locale.ROOT, step < 1 ? "%.1f" : "%.0f", at + 0.0));
        }
        for (Line line : lines) {
            draw(panel, line);
        }
        add(
                "<path d='M%.1f %.1fV%.1fH%.1f' fill='none' stroke='#9ca3af'/>",
                panel.left(), panel.top(), panel.bottom(), panel.right());
    }

    private void draw(Panel panel, Line line) {
        var points = new StringBuilder();
        for (Point point : line.points()) {
            if (point.seconds() >= panel.from() && point.seconds() <= panel.to()) {
                points.append(
                        String.format(Locale.ROOT, "%.1f,%.1f ", panel.x(point.seconds()), panel.y(point.value())));
            }
        }
        add(
                "<polyline points='%s' fill='none' stroke='%s' stroke-width='1.8' stroke-linejoin='round'/>",
                points.toString().trim(), line.color());
    }

    private void budget(Panel panel) {
        double y = panel.y((double) recording.migration().budgetBytes() / MEBIBYTE);
        add(
                "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s' stroke-dasharray='2 3'/>",
                panel.left(), y, panel.right(), y, HOST_COLORS.get(1));
    }

    private void mean(Panel panel, Recording.Window window) {
        double mean = recording.throughput(window) / 1000;
        double x = panel.x(window.to());
        double y = panel.y(mean);
        add(
                "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='#111827' stroke-width='1.2' stroke-dasharray='6"
                        + " 3'/>",
                panel.x(window.from()), y, x, y);
    }

    private void phases(Panel upper, Panel lower, boolean named) {
        double done = recording.phase(MigrationPhase.DONE);
        List<Band> bands = new ArrayList<>(List.of(new Band("migration", 0, done)));
        if (!named) {
            recording.moves().forEach(move -> bands.add(band(move)));
        }
        for (Band band : bands) {
            shade(upper, band);
            shade(lower, band);
        }
        List<Phase> names = named
                ? phases(done)
                : bands.stream()
                        .map(band -> new Phase(band.name(), (band.from() + band.to()) / 2))
                        .toList();
        int row = 0;
        double free = 0;
        for (Phase phase : names) {
            double x = upper.x(phase.seconds());
            double width = phase.name().length() * CHARACTER;
            row = x - width / 2 > free ? 0 : row + 1;
            free = Math.max(free, x + width / 2);
            double y = UPPER_TOP - 6 - (named ? 2 - Math.min(row, 2) : Math.min(row, 2)) * PHASE_ROW;
            text(x, y, "middle", "fill='" + PHASES + "'", phase.name());
            if (named) {
                for (double[] part : new double[][] {{y + 3, upper.bottom()}, {lower.top(), lower.bottom()}}) {
                    add(
                            "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s' stroke-dasharray='4 3'/>",
                            x, part[0], x, part[1], PHASES);
                }
            }
        }
    }

    private static Band band(Recording.Move move) {
        return new Band(
                move.kind() + " to " + move.migration().destination(), move.from(), move.to());
    }

    private void shade(Panel panel, Band band) {
        add(
                "<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='%s' opacity='0.07'/>",
                panel.x(band.from()),
                panel.top(),
                Math.max(1, panel.x(band.to()) - panel.x(band.from())),
                panel.bottom() - panel.top(),
                PHASES);
    }

    private List<Phase> phases(double done) {
        return List.of(
                new Phase("start", 0),
                new Phase("ready", recording.phase(MigrationPhase.READY)),
                new Phase(
                        String.format(
                                Locale.ROOT,
                                "stop, resume %.0f ms later",
                                recording.migration().downtimeMs()),
                        recording.stopped()),
                new Phase("done", done));
    }

    private void axisTitles() {
        for (double center : new double[] {(NEAR_LEFT + NEAR_RIGHT) / 2, (WHOLE_LEFT + WHOLE_RIGHT) / 2}) {
            text(center, LOWER_BOTTOM + 36, "middle", "", "seconds since the migration was requested");
        }
        vertical((UPPER_TOP + UPPER_BOTTOM) / 2, "guest throughput, 1000 ops/s");
        vertical((LOWER_TOP + LOWER_BOTTOM) / 2, "guest memory on each host, MiB");
    }

    private void vertical(double y, String text) {
        add("<text transform='translate(18 %.1f) rotate(-90)' text-anchor='middle'>%s</text>", y, text);
    }

    private record LegendEntry(String color, String dashes, String name) {
        double width() {
            return 52 + name.length() * CHARACTER;
        }
    }

    /** In two rows, if one is too short. */
    private void legend(List<Line> memory) {
        List<LegendEntry> entries = new ArrayList<>();
        entries.add(new LegendEntry(THROUGHPUT, "", throughput().name()));
        memory.forEach(line -> entries.add(new LegendEntry(line.color(), "", line.name())));
        entries.add(new LegendEntry(
                HOST_COLORS.get(1),
                " stroke-dasharray='2 3'",
                "budget of " + recording.migration().destination()));
        entries.add(new LegendEntry("#111827", " stroke-dasharray='6 3'", "mean before, during, after"));
        double x = NEAR_LEFT;
        double y = HEIGHT - 34;
        for (LegendEntry entry : entries) {
            if (x + entry.width() > WIDTH) {
                x = NEAR_LEFT;
                y += 19;
            }
            add(
                    "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s' stroke-width='2.5'%s/>",
                    x, y - 4, x + 22, y - 4, entry.color(), entry.dashes());
            text(x + 28, y, "start", "", entry.name());
            x += entry.width();
        }
    }

    private void text(double x, double y, String anchor, String attributes, String text) {
        add("<text x='%.1f' y='%.1f' text-anchor='%s' %s>%s</text>", x, y, anchor, attributes, text);
    }

    private void add(String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format, values)).append('\n');
    }
}
