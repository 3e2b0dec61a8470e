package org.splitmem.events.spool;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.events.spool.Spool.LaneName;

/** A spool that a crash left behind at any byte is opened, and has everything but what the crash interrupted. */
class SpoolCrashTest {
    @TempDir
    Path directory;

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Path target = to.resolve(from.relativize(file));
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(file, target, StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }

    private static Path newest(Path lane) throws IOException {
        try (Stream<Path> files = Files.list(lane)) {
            return files.filter(f -> f.toString().endsWith(".seg"))
                    .max(Path::compareTo)
                    .orElseThrow();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void aTornTailCostsTheLastRecordOnly(long seed) throws IOException {
        Random random = new Random(seed);
        Path original = directory.resolve("original");
        List<Long> ends = new ArrayList<>(); // of each record in the newest segment
        Path active;
        int records = 40 + random.nextInt(400);
        try (Spool spool = new Spool(original, 64 << 10)) {
            for (int i = 0; i < records; i++) {
                spool.append(LaneName.KEPT, "vm" + i % 3, "event-" + i + "x".repeat(random.nextInt(60)));
                active = newest(original.resolve("kept"));
                if (!ends.isEmpty() && Files.size(active) < ends.get(ends.size() - 1)) {
                    ends.clear();
                }
                ends.add(Files.size(active));
            }
        }
        for (int crash = 0; crash < 25; crash++) {
            Path copy = directory.resolve("crash" + crash);
            copy(original, copy);
            Path torn = newest(copy.resolve("kept"));
            long cut = random.nextInt((int) Files.size(torn) + 1);
            tear(torn, cut, random);
            int whole = (int) ends.stream().filter(end -> end <= cut).count();
            int expected = records - ends.size() + whole;

            try (Spool spool = new Spool(copy, 64 << 10)) {
                List<String> read = SpoolTest.all(spool, LaneName.KEPT);
                assertThat(read).as("seed %d, cut at %d", seed, cut).hasSize(expected);
                assertThat(read.stream().map(e -> e.replaceAll("x*$", "")))
                        .isEqualTo(Stream.iterate(0, i -> i + 1)
                                .limit(expected)
                                .map(i -> "event-" + i)
                                .toList());
                spool.append(LaneName.KEPT, "vm", "after");
                assertThat(SpoolTest.all(spool, LaneName.KEPT)).containsExactly("after");
            }
            try (Spool again = new Spool(copy, 64 << 10)) {
                assertThat(SpoolTest.all(again, LaneName.KEPT))
                        .hasSize(expected + 1)
                        .endsWith("after");
            }
        }
    }

    /** Cuts the file, or leaves garbage or zeros from there on, as file systems do after a power cut. */
    private static void tear(Path file, long at, Random random) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            int rest = (int) (channel.size() - at);
            channel.truncate(at);
            byte[] garbage = new byte[rest];
            if (random.nextInt(3) == 0) {
                random.nextBytes(garbage);
            }
            if (random.nextBoolean()) {
                channel.write(ByteBuffer.wrap(garbage), at);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {7, 8})
    void aTornCursorOrDropFileOnlyTellsSomeEventsAgain(long seed) throws IOException {
        Random random = new Random(seed);
        Path original = directory.resolve("original");
        try (Spool spool = new Spool(original, 1 << 20)) {
            for (int i = 0; i < 300; i++) {
                spool.append(LaneName.KEPT, "vm", "event-" + i);
                if (i % 10 == 9) {
                    List<SpoolRecord> some = spool.poll(LaneName.KEPT, 5);
                    spool.acknowledge(LaneName.KEPT, some.get(4).sequence() + 1);
                }
            }
        }
        for (int crash = 0; crash < 25; crash++) {
            Path copy = directory.resolve("crash" + crash);
            copy(original, copy);
            Path cursor = copy.resolve("kept/cursor");
            byte[] bytes = Files.readAllBytes(cursor);
            int slot = random.nextInt(2);
            for (int i = random.nextInt(12); i < 12; i++) {
                bytes[slot * 16 + i] = (byte) random.nextInt(256);
            }
            Files.write(cursor, bytes);
            Files.write(copy.resolve("kept/dropped.new"), new byte[random.nextInt(9)]);

            try (Spool spool = new Spool(copy, 1 << 20)) {
                List<String> read = SpoolTest.all(spool, LaneName.KEPT);
                assertThat(read.get(0)).as("seed %d", seed).isIn("event-145", "event-150");
                assertThat(read).endsWith("event-299").doesNotHaveDuplicates();
            }
        }
    }

    /** Another JVM says after each append that it has returned; at a random moment it is killed. */
    @Test
    void whatAnAppendReturnedFromSurvivesAKill() throws Exception {
        Random random = new Random(17);
        int before = 0;
        for (int round = 0; round < 3; round++) {
            int told = before;
            Process writer = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Xmx64m",
                            "-XX:TieredStopAtLevel=1",
                            "-cp",
                            System.getProperty("java.class.path"),
                            Writer.class.getName(),
                            directory.toString(),
                            Integer.toString(before))
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            try (BufferedReader out =
                    new BufferedReader(new InputStreamReader(writer.getInputStream(), StandardCharsets.UTF_8))) {
                int until = before + 50 + random.nextInt(800);
                for (String line = out.readLine(); line != null && told < until; line = out.readLine()) {
                    told = Integer.parseInt(line);
                }
                writer.destroyForcibly().waitFor();
            }
            try (Spool spool = new Spool(directory, 1 << 20)) {
                List<String> read = SpoolTest.all(spool, LaneName.KEPT);
                assertThat(read.size()).isGreaterThanOrEqualTo(told).isPositive();
                for (int i = 0; i < read.size(); i++) {
                    assertThat(read.get(i)).isEqualTo("event-" + (i + 1));
                }
                assertThat(read.size()).isGreaterThan(before);
                before = read.size();
            }
        }
    }

    /** The program that is killed. */
    static final class Writer {
        private Writer() {}

        public static void main(String[] args) throws IOException {
            try (Spool spool = new Spool(Path.of(args[0]), 1 << 20)) {
                for (int i = Integer.parseInt(args[1]) + 1; ; i++) {
                    spool.append(LaneName.KEPT, "vm", "event-" + i);
                    System.out.println(i);
                }
            }
        }
    }
}
