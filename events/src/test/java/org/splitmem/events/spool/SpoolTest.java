package org.splitmem.events.spool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.events.spool.Spool.LaneName;

class SpoolTest {
    @TempDir
    Path directory;

    private static List<String> payloads(List<SpoolRecord> records) {
        return records.stream().map(SpoolRecord::payload).toList();
    }

    static List<String> all(Spool spool, LaneName lane) throws IOException {
        List<String> result = new ArrayList<>();
        for (List<SpoolRecord> some = spool.poll(lane, 7); !some.isEmpty(); some = spool.poll(lane, 7)) {
            result.addAll(payloads(some));
        }
        return result;
    }

    @Test
    void whatIsAppendedIsGivenOnceAndInOrder() throws IOException {
        try (Spool spool = new Spool(directory, 1 << 20)) {
            List<String> expected = new ArrayList<>();
            for (int i = 0; i < 2000; i++) {
                spool.append(LaneName.KEPT, "vm" + i % 3, "event-" + i);
                expected.add("event-" + i);
            }

            assertThat(all(spool, LaneName.KEPT)).isEqualTo(expected);
            assertThat(spool.poll(LaneName.KEPT, 10)).isEmpty();
            assertThat(spool.poll(LaneName.SAMPLES, 10)).isEmpty();
            spool.append(LaneName.KEPT, "vm1", "one more");
            assertThat(payloads(spool.poll(LaneName.KEPT, 10))).containsExactly("one more");
        }
    }

    @Test
    void whatIsNotDoneIsThereAgainAndWhatIsDoneIsGone() throws IOException {
        try (Spool spool = new Spool(directory, 1 << 20)) {
            for (int i = 0; i < 1000; i++) {
                spool.append(LaneName.KEPT, "vm", "event-" + i);
            }
            spool.acknowledge(
                    LaneName.KEPT, spool.poll(LaneName.KEPT, 600).get(599).sequence() + 1);
        }
        try (Spool spool = new Spool(directory, 1 << 20)) {
            assertThat(spool.backlog(LaneName.KEPT)).isEqualTo(400);
            assertThat(payloads(spool.poll(LaneName.KEPT, 1))).containsExactly("event-600");
            spool.acknowledge(LaneName.KEPT, 1000);
            assertThat(spool.backlog(LaneName.KEPT)).isZero();
        }
        try (Spool spool = new Spool(directory, 1 << 20)) {
            assertThat(spool.poll(LaneName.KEPT, 1)).isEmpty();
            spool.append(LaneName.KEPT, "vm", "later");
            assertThat(spool.poll(LaneName.KEPT, 1).get(0).sequence()).isEqualTo(1000);
        }
    }

    @Test
    void whatIsDoneTakesNoRoom() throws IOException {
        try (Spool spool = new Spool(directory, 64 << 10)) {
            for (int i = 0; i < 5000; i++) {
                spool.append(LaneName.KEPT, "vm", "event-" + i + "x".repeat(200));
                for (SpoolRecord record : spool.poll(LaneName.KEPT, 1)) {
                    spool.acknowledge(LaneName.KEPT, record.sequence() + 1);
                }
            }

            assertThat(spool.totalDropped(LaneName.KEPT)).isZero();
            assertThat(spool.bytes()).isLessThan(64 << 10);
        }
    }

    @Test
    void theOldestSamplesGoFirstAndAreCountedForEachKey() throws IOException {
        try (Spool spool = new Spool(directory, 64 << 10)) {
            for (int i = 0; i < 50; i++) {
                spool.append(LaneName.KEPT, "vm", "kept-" + i);
            }
            for (int i = 0; i < 2000; i++) {
                spool.append(LaneName.SAMPLES, "vm" + i % 4, "sample-" + i + "x".repeat(100));
            }

            assertThat(spool.bytes()).isLessThanOrEqualTo(64 << 10);
            long dropped = spool.totalDropped(LaneName.SAMPLES);
            List<String> left = all(spool, LaneName.SAMPLES);
            assertThat(dropped).isPositive().isEqualTo(2000 - left.size());
            assertThat(left.get(0)).startsWith("sample-" + dropped + "x");
            assertThat(spool.dropped(LaneName.SAMPLES, "vm0")).isEqualTo((dropped + 3) / 4);
            assertThat(all(spool, LaneName.KEPT)).hasSize(50);
        }
        try (Spool spool = new Spool(directory, 64 << 10)) {
            assertThat(spool.dropped(LaneName.SAMPLES, "vm0")).isPositive();
            long told = spool.dropped(LaneName.SAMPLES, "vm0");
            spool.told(LaneName.SAMPLES, Map.of("vm0", told));
            assertThat(spool.dropped(LaneName.SAMPLES, "vm0")).isZero();
            assertThat(spool.dropped(LaneName.SAMPLES, "vm1")).isPositive();
        }
    }

    @Test
    void theRestIsDroppedOnlyWhenNoSamplesAreLeft() throws IOException {
        try (Spool spool = new Spool(directory, 64 << 10)) {
            for (int i = 0; i < 100; i++) {
                spool.append(LaneName.SAMPLES, "vm", "sample-" + i + "x".repeat(100));
            }
            int kept = 0;
            while (spool.totalDropped(LaneName.KEPT) == 0) {
                spool.append(LaneName.KEPT, "vm", "kept-" + kept++ + "x".repeat(100));
            }

            assertThat(spool.backlog(LaneName.SAMPLES)).isZero();
            assertThat(spool.totalDropped(LaneName.SAMPLES)).isEqualTo(100);
            assertThat(spool.bytes()).isGreaterThan(55 << 10).isLessThanOrEqualTo(64 << 10);
        }
    }

    @Test
    void oneSpoolHasOneOwner() throws IOException {
        try (Spool spool = new Spool(directory, 1 << 20)) {
            assertThat(spool.bytes()).isZero();
            assertThatIOException()
                    .isThrownBy(() -> new Spool(directory, 1 << 20))
                    .withMessageContaining("open already");
        }
    }

    @Test
    void aSegmentThatBecomesDamagedCostsItsRestOnly() throws IOException {
        try (Spool spool = new Spool(directory, 1 << 20)) {
            for (int i = 0; i < 3000; i++) {
                spool.append(LaneName.KEPT, "vm", "event-" + i);
            }
            Path first = directory.resolve("kept/00000000000000000000.seg");
            byte[] content = Files.readAllBytes(first);
            content[content.length / 2] ^= 1;
            Files.write(first, content);

            List<String> read = all(spool, LaneName.KEPT);

            assertThat(read).hasSizeBetween(1500, 2999).doesNotHaveDuplicates().contains("event-0", "event-2999");
            assertThat(spool.damagedBytes()).isPositive();
        }
    }

    @Test
    void forcingGoesOnBesideAppends() throws Exception {
        try (Spool spool = new Spool(directory, 256 << 10)) {
            Thread writer = new Thread(() -> {
                try {
                    for (int i = 0; i < 3000; i++) {
                        spool.append(LaneName.SAMPLES, "vm", "sample-" + i + "x".repeat(100));
                    }
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
            writer.start();
            while (writer.isAlive()) {
                spool.force();
            }
            writer.join();
            assertThat(spool.totalDropped(LaneName.SAMPLES) + spool.backlog(LaneName.SAMPLES))
                    .isEqualTo(3000);
        }
    }
}
