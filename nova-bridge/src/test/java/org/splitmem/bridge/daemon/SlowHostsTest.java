package org.splitmem.bridge.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.splitmem.model.HostInfo;

class SlowHostsTest {
    private static final HostAddress HOST = new HostAddress("h1", "127.0.0.1", 1);
    private static final HostReport FAILED = new HostReport(HOST, null, "timed out", 0);
    private static final HostReport WELL =
            new HostReport(HOST, new HostInfo("h1", "1", 1, "6.7", 1, 0, 0, 1, 0, null, null, null, null), null, 5);

    private long nowNs = -3; // as nanoTime, of which only differences mean something
    private int asked;
    private final SlowHosts hosts = new SlowHosts(() -> nowNs);

    private HostReport ask(HostReport answer, Duration takes) {
        return hosts.ask("h1", () -> {
            asked++;
            pass(takes);
            return answer;
        });
    }

    private void pass(Duration time) {
        nowNs += time.toNanos();
    }

    @Test
    void whoKeptSomebodyWaitingInVainIsNotAskedForFiveSeconds() {
        assertThat(ask(FAILED, Duration.ofSeconds(3))).isEqualTo(FAILED);
        pass(Duration.ofMillis(4999));
        assertThat(ask(WELL, Duration.ZERO)).isEqualTo(FAILED);
        assertThat(asked).isEqualTo(1);

        pass(Duration.ofMillis(1));
        assertThat(ask(WELL, Duration.ofMillis(3))).isEqualTo(WELL);
        assertThat(ask(WELL, Duration.ofMillis(3))).isEqualTo(WELL);
        assertThat(asked).isEqualTo(3);
    }

    @Test
    void whoFailsAtOnceOrAnswersSlowlyIsAskedAgain() {
        assertThat(ask(FAILED, Duration.ofMillis(5))).isEqualTo(FAILED);
        assertThat(ask(WELL, Duration.ofSeconds(9))).isEqualTo(WELL);
        assertThat(ask(WELL, Duration.ZERO)).isEqualTo(WELL);
        assertThat(asked).isEqualTo(3);
    }

    @Test
    void whileOneAsksAgainTheOthersDoNotWait() {
        ask(FAILED, Duration.ofSeconds(3));
        pass(Duration.ofSeconds(5));

        hosts.ask("h1", () -> {
            assertThat(ask(WELL, Duration.ZERO)).isEqualTo(FAILED);
            return WELL;
        });

        assertThat(asked).isEqualTo(1);
        assertThat(ask(WELL, Duration.ZERO)).isEqualTo(WELL);
    }
}
