package org.splitmem.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.memory.testing.Await;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class UpkeepTest {
    private static final long LONG_MS = 20_000;

    @Test
    void aTaskThatFailsHoldsUpNoOtherAndIsTriedAgain() throws Exception {
        AtomicInteger tries = new AtomicInteger();
        AtomicInteger others = new AtomicInteger();
        CountDownLatch asked = new CountDownLatch(1);
        Upkeep upkeep = new Upkeep(
                List.of(
                        new Upkeep.Task("VMs", () -> {
                            tries.incrementAndGet();
                            throw new OutOfMemoryError("unable to create native thread");
                        }),
                        new Upkeep.Task("stores", others::incrementAndGet)),
                1,
                asked);

        upkeep.start();
        Await.until("others go on", () -> others.get() >= 3);

        assertThat(tries.get()).isGreaterThanOrEqualTo(3);
        assertThat(upkeep.troubles())
                .containsExactly("upkeep of VMs fails: java.lang.OutOfMemoryError: unable to create native thread");
        asked.countDown();
        assertThat(upkeep.join(LONG_MS)).isTrue();
    }

    @Test
    void aTaskThatHangsDoesNotHoldUpTheEndOfTheDaemon() throws Exception {
        CountDownLatch hanging = new CountDownLatch(1);
        CountDownLatch back = new CountDownLatch(1);
        CountDownLatch asked = new CountDownLatch(1);
        Upkeep upkeep = new Upkeep(
                List.of(new Upkeep.Task("VMs", () -> {
                    hanging.countDown();
                    try {
                        back.await();
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                })),
                1,
                asked);
        upkeep.start();
        assertThat(hanging.await(LONG_MS, TimeUnit.MILLISECONDS)).isTrue();
        asked.countDown();

        assertThat(upkeep.join(1)).isFalse();

        back.countDown();
        assertThat(upkeep.join(LONG_MS)).isTrue();
    }
}
