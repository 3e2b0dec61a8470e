package org.splitmem.memory.qmp;

import static org.splitmem.memory.testing.Property.areEqual;
import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.splitmem.memory.linux.LocalPair;
import org.splitmem.memory.testing.HeapUse;

/**
 * Whatever comes from a monitor: the connection ends, once, with a reason that is not ours, and what was read before is events and answers,
 * whatever types their parts have. That costs no more memory than the lines are long, some times, and what a parser takes for each.
 */
class QmpFuzzTest {
    private static final long MOST_HEAP = 2 << 20;
    /** A parser, and the exception of a line that it refuses. */
    private static final long HEAP_PER_LINE = 4 << 10;

    @FuzzTest
    void linesEndTheConnectionOrAreEventsAndAnswers(byte[] sent) throws Exception {
        if (sent.length <= LocalPair.MOST_BYTES) {
            HeapUse.isAtMost(MOST_HEAP + lines(sent) * HEAP_PER_LINE, () -> Target.check(sent));
        }
    }

    private static long lines(byte[] sent) {
        long ends = 0;
        for (byte one : sent) {
            ends += one == '\n' || one == '\r' ? 1 : 0;
        }
        return ends + 1;
    }

    /** Loaded after Jazzer, see HACKING.md. */
    private static final class Target {
        static void check(byte[] sent) throws IOException {
            List<QmpEvent> events = new ArrayList<>();
            AtomicInteger ended = new AtomicInteger();
            try (LocalPair pair = LocalPair.holding(sent)) {
                QmpMonitor monitor = new QmpMonitor(new QmpLines(pair.near()), events::add, ended::incrementAndGet);
                monitor.read();
                areEqual(ended.get(), 1);
                holds(!monitor.isOpen(), "it has ended");
                holds(!String.valueOf(monitor.whyEnded()).contains("reader failed"), "its reader took all that came");
            }
            for (QmpEvent event : events) {
                holds(event.name() != null && event.status() != null, "an event has its parts");
            }
            new String(sent, StandardCharsets.UTF_8).lines().forEach(Target::answer);
        }

        private static void answer(String line) {
            JsonNode answer;
            try {
                answer = QmpMonitor.parse(line).path("return");
            } catch (IOException e) {
                return;
            }
            QmpAnswers.isSet(answer, "x-ignore-shared");
            QmpAnswers.isMigrating(answer);
            QmpAnswers.isLoaded(answer);
            QmpAnswers.objectTypes(answer);
            QemuVersion version = QemuVersion.of(answer);
            version.isAtLeast(8, 1);
            areKnown(QmpAnswers.devices(answer));
            areKnown(QmpAnswers.blockNodes(answer));
            List<QemuDevice> networks = QmpAnswers.networks(answer.asText());
            areKnown(networks);
            for (QemuDevice network : networks) {
                holds(!network.driver().isEmpty(), "a network has a type");
            }
        }

        private static void areKnown(List<QemuDevice> devices) {
            for (QemuDevice device : devices) {
                holds(device.name() != null && device.driver() != null, "a device has its parts");
                DeviceObstacles.against(device);
            }
        }
    }
}
