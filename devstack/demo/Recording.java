import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.VmInfo;

/**
 * What demo.sh recorded of one run. All times are seconds since the migration was requested; before it, they are negative.
 *
 * @param ticks the guest's reports, in order
 * @param memory by host, the guest memory that it held at times
 * @param phases when the migration entered them
 * @param vm as the destination describes it before the VM moves on, or at the end
 * @param moves of the split VM afterwards, in order
 * @param corruptPages pages of which the guest found a block wrong
 */
record Recording(
        List<Tick> ticks,
        Map<String, List<Sample>> memory,
        Map<MigrationPhase, Double> phases,
        MigrationInfo migration,
        VmInfo vm,
        List<Move> moves,
        long corruptPages) {
    static final String PARTIAL = "partial";
    static final String GATHER = "gather";

    private static final Pattern TICK =
            Pattern.compile("([0-9.]+) T ([0-9.]+) ops/s ([0-9]+) bad ([0-9]+) verified ([0-9]+) sweep ([0-9]+)");
    private static final Pattern BAD = Pattern.compile("([0-9.]+) BAD page ([0-9]+) .*");
    /** After its first report the guest settles for so long; after the switch, "during" lasts so much longer. */
    private static final double SETTLE_SECONDS = 1;

    private static final double AFTERMATH_SECONDS = 5;
    private static final long PAGE_BYTES = 4096;

    /**
     * One report of the guest.
     *
     * @param seconds when it arrived
     * @param ops done since the one before
     */
    record Tick(double seconds, double ops, long bad, long verified, long sweep) {}

    record Sample(double seconds, long bytes) {}

    record Window(String name, double from, double to) {}

    /**
     * A migration of the split VM.
     *
     * @param kind {@link #PARTIAL} or {@link #GATHER}
     * @param from when it was requested
     * @param to when it was done; of one that gathers, when all of the VM was at its destination
     * @param pagesMoved that were elsewhere before
     * @param pagesKept that stayed where they were
     * @param pagesVerified by the guest since its request, until the next move or the end
     * @param corruptPages found in that time
     */
    record Move(
            String kind,
            MigrationInfo migration,
            double from,
            double to,
            long pagesMoved,
            long pagesKept,
            long pagesVerified,
            long corruptPages) {}

    static Recording read(Path directory) {
        try {
            MigrationInfo migration = onlyMigration(directory.resolve("migrations.json"));
            double start = migration.startedAtMs() / 1000.0;
            List<String> console = Files.readAllLines(directory.resolve("console.stamped"));
            List<Tick> ticks = ticks(console, start);
            if (ticks.size() < 2) {
                throw new IllegalStateException("the guest reported nothing: see " + directory.resolve("console.log"));
            }
            Guest guest = new Guest(ticks, badBlocks(console, start));
            return new Recording(
                    ticks,
                    memory(Files.readAllLines(directory.resolve("memory")), start),
                    phases(Files.readAllLines(directory.resolve("phases")), start),
                    migration,
                    vm(directory.resolve("vm.json")),
                    moves(directory, start, guest),
                    guest.corruptPages(Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the recording in " + directory, e);
        }
    }

    private static VmInfo vm(Path file) throws IOException {
        return Json.read(Files.readAllBytes(file), VmInfo.class);
    }

    /** From lines like "gather 1795235771.251374", or "partial". */
    private static List<Move> moves(Path directory, double start, Guest guest) throws IOException {
        List<String[]> lines = Files.readAllLines(directory.resolve("moves")).stream()
                .map(line -> line.trim().split(" "))
                .toList();
        List<Move> moves = new ArrayList<>();
        double next = Double.POSITIVE_INFINITY;
        for (int i = lines.size() - 1; i >= 0; i--) {
            String[] words = lines.get(i);
            Move move = move(directory, words[0], words.length > 1 ? Double.parseDouble(words[1]) : 0, start, next, guest);
            moves.add(0, move);
            next = move.from();
        }
        return moves;
    }

    private static Move move(Path directory, String kind, double whole, double start, double next, Guest guest)
            throws IOException {
        MigrationInfo migration = onlyMigration(directory.resolve("moves." + kind + ".migrations"));
        VmInfo vm = vm(directory.resolve("moves." + kind + ".vm"));
        double from = migration.startedAtMs() / 1000.0 - start;
        Long finished = migration.finishedAtMs();
        double to = Math.max(finished == null ? 0 : finished / 1000.0, whole) - start;
        long onSubHosts = sum(migration.pages().subHosts());
        boolean gathered = kind.equals(GATHER);
        return new Move(
                kind,
                migration,
                from,
                to,
                migration.pages().main() + (gathered ? onSubHosts : 0),
                gathered ? sum(vm.remoteBytes()) / PAGE_BYTES : onSubHosts,
                guest.at(next).verified() - guest.at(from).verified(),
                guest.corruptPages(from, next));
    }

    private static long sum(Map<String, Long> byHost) {
        return byHost.values().stream().mapToLong(Long::longValue).sum();
    }

    private static MigrationInfo onlyMigration(Path file) throws IOException {
        List<String> lines = Files.readAllLines(file);
        if (lines.size() != 1) {
            throw new IllegalStateException(lines.size() + " migrations instead of one in " + file);
        }
        MigrationInfo migration = Json.read(lines.get(0), MigrationInfo.class);
        if (migration.phase() != MigrationPhase.DONE) {
            throw new IllegalStateException("the migration is " + migration.phase() + ": " + migration.reason());
        }
        return migration;
    }

    /** The guest tells a rate by its own clock, which stands still with it; by ours, every pause lowers the throughput. */
    private static List<Tick> ticks(List<String> console, double start) {
        List<Tick> ticks = new ArrayList<>();
        double lastGuestSeconds = Double.NaN;
        for (String line : console) {
            Matcher tick = TICK.matcher(line);
            if (!tick.matches()) {
                continue;
            }
            double guestSeconds = Double.parseDouble(tick.group(2));
            double ops = Double.parseDouble(tick.group(3)) * (guestSeconds - lastGuestSeconds);
            ticks.add(new Tick(
                    Double.parseDouble(tick.group(1)) - start,
                    Double.isNaN(ops) ? 0 : ops,
                    Long.parseLong(tick.group(4)),
                    Long.parseLong(tick.group(5)),
                    Long.parseLong(tick.group(6))));
            lastGuestSeconds = guestSeconds;
        }
        return ticks;
    }

    private static Map<String, List<Sample>> memory(List<String> lines, double start) {
        Map<String, List<Sample>> memory = new TreeMap<>((a, b) -> hostNumber(a) - hostNumber(b));
        for (String line : lines) {
            String[] words = line.split(" ");
            memory.computeIfAbsent(words[1], host -> new ArrayList<>())
                    .add(new Sample(Double.parseDouble(words[0]) - start, Long.parseLong(words[2])));
        }
        return memory;
    }

    private static int hostNumber(String host) {
        return Integer.parseInt(host.replaceAll("[^0-9]", ""));
    }

    private static Map<MigrationPhase, Double> phases(List<String> lines, double start) {
        Map<MigrationPhase, Double> phases = new EnumMap<>(MigrationPhase.class);
        for (String line : lines) {
            String[] words = line.split(" ");
            long ms = LocalDateTime.parse(words[0])
                    .atZone(ZoneId.systemDefault())
                    .toInstant()
                    .toEpochMilli();
            phases.put(MigrationPhase.valueOf(words[1]), ms / 1000.0 - start);
        }
        for (MigrationPhase needed : List.of(MigrationPhase.READY, MigrationPhase.HANDOVER, MigrationPhase.DONE)) {
            if (!phases.containsKey(needed)) {
                throw new IllegalStateException("the log of the source does not tell when the migration was " + needed);
            }
        }
        return phases;
    }

    private static List<BadBlock> badBlocks(List<String> console, double start) {
        List<BadBlock> blocks = new ArrayList<>();
        for (String line : console) {
            Matcher bad = BAD.matcher(line);
            if (bad.matches()) {
                blocks.add(new BadBlock(Double.parseDouble(bad.group(1)) - start, bad.group(2)));
            }
        }
        return blocks;
    }

    private record BadBlock(double seconds, String page) {}

    /**
     * What the guest reported.
     *
     * @param bad of the wrong blocks that it found, those that it gave lines of their own; it counts all
     */
    private record Guest(List<Tick> ticks, List<BadBlock> bad) {
        /** The last report that had arrived by then; the first one if none had. */
        Tick at(double seconds) {
            Tick found = ticks.get(0);
            for (Tick tick : ticks) {
                if (tick.seconds() <= seconds) {
                    found = tick;
                }
            }
            return found;
        }

        /** Exact as long as every wrong block has its line; blocks beyond those count as a page each, which is at least the truth. */
        long corruptPages(double from, double to) {
            List<String> pages = bad.stream()
                    .filter(block -> block.seconds() >= from && block.seconds() < to)
                    .map(BadBlock::page)
                    .toList();
            // The first report of all counts what was found before it.
            long blocks = at(to).bad() - (from < ticks.get(0).seconds() ? 0 : at(from).bad());
            return new HashSet<>(pages).size() + Math.max(0, blocks - pages.size());
        }
    }

    Tick first() {
        return ticks.get(0);
    }

    Tick last() {
        return ticks.get(ticks.size() - 1);
    }

    /** The last report that had arrived by then; the first one if none had. */
    Tick at(double seconds) {
        return new Guest(ticks, List.of()).at(seconds);
    }

    /** When the VM first moves on; the end, if it does not. */
    private double movesOn() {
        return moves.isEmpty() ? last().seconds() : moves.get(0).from();
    }

    /** Before, during and after, for means. */
    List<Window> windows() {
        double switched = phase(MigrationPhase.HANDOVER) + AFTERMATH_SECONDS;
        return List.of(
                new Window("before", Math.min(0, first().seconds() + SETTLE_SECONDS), 0),
                new Window("during", 0, switched),
                new Window("after", switched, movesOn()));
    }

    /** Operations per second between the reports next to the window's ends. */
    double throughput(Window window) {
        double begin = at(window.from()).seconds();
        double end = begin;
        double ops = 0;
        for (Tick tick : ticks) {
            if (tick.seconds() > begin && tick.seconds() <= window.to()) {
                ops += tick.ops();
                end = tick.seconds();
            }
        }
        return end > begin ? ops / (end - begin) : 0;
    }

    double phase(MigrationPhase phase) {
        return phases.get(phase);
    }

    /** When the vCPUs stopped at the source. */
    double stopped() {
        Double downtimeMs = migration.downtimeMs();
        return phase(MigrationPhase.HANDOVER) - (downtimeMs == null ? 0 : downtimeMs / 1000);
    }
}
