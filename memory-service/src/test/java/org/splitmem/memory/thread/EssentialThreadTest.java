package org.splitmem.memory.thread;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.memory.testing.Await;

@Timeout(60)
final class EssentialThreadTest {
    private final AtomicInteger rounds = new AtomicInteger();

    @Test
    void aRoundThatFailsIsFollowedByOthers() throws Exception {
        EssentialThread thread = new EssentialThread("test", "the test", () -> {
            switch (rounds.incrementAndGet()) {
                case 1 -> throw new IOException("accept: Too many open files");
                case 2 -> throw new IllegalStateException("a fault of ours");
                case 3 -> throw new OutOfMemoryError("unable to create native thread");
                default -> {
                    return false;
                }
            }
        });

        thread.start();

        assertThat(thread.join(0)).isTrue();
        assertThat(rounds.get()).isEqualTo(4);
    }

    @Test
    void oneThatFailsAllTheTimePausesLongerAndLongerAndSaysWhy() throws Exception {
        List<Long> times = new ArrayList<>();
        CountDownLatch six = new CountDownLatch(6);
        EssentialThread thread = new EssentialThread("test", "accepting on the data port", () -> {
            times.add(System.nanoTime());
            six.countDown();
            throw new IOException("accept: Too many open files");
        });

        thread.start();
        six.await();
        Await.until("it says why", () -> thread.trouble() != null);

        assertThat(thread.trouble()).isEqualTo("accepting on the data port fails: accept: Too many open files");
        thread.end(); // in the midst of a pause
        assertThat(thread.join(0)).isTrue();
        assertThat(times.get(5) - times.get(0)).isGreaterThanOrEqualTo((10 + 20 + 40 + 80 + 160) * 1_000_000L);
    }

    @Test
    void whatHasNotFailedOfLateFailsNoMore() throws Exception {
        Trouble trouble = new Trouble(20_000_000L);
        assertThat(trouble.now()).isNull();

        assertThat(trouble.isNews("one")).isTrue();
        assertThat(new Trouble(Long.MAX_VALUE).isNews("another's")).isTrue();

        Await.until("it is over", () -> trouble.now() == null);
        assertThat(trouble.isNews("two")).isTrue();
    }

    @Test
    void whatIsToldAgainIsNoNews() {
        Trouble trouble = new Trouble(Long.MAX_VALUE);
        assertThat(trouble.isNews("one")).isTrue();
        assertThat(trouble.isNews("two")).isFalse();
        assertThat(trouble.now()).isEqualTo("two");
    }

    @Test
    void anErrorEndsTheDaemon() throws Exception {
        AtomicInteger exit = new AtomicInteger(-1);
        LastResort lastResort = new LastResort(exit::set);
        Thread thread = new Thread(() -> {
            throw new NoClassDefFoundError("org/splitmem/Missing");
        });
        thread.setUncaughtExceptionHandler(lastResort);

        thread.start();
        thread.join();

        assertThat(exit.get()).isEqualTo(LastResort.EXIT_SOFTWARE);
    }

    @Test
    void anExceptionEndsItsThreadAndIsTold() throws Exception {
        AtomicInteger exit = new AtomicInteger(-1);
        LastResort lastResort = new LastResort(exit::set);
        Thread thread = new Thread(
                () -> {
                    throw new IllegalStateException("a fault of ours");
                },
                "migration-push-1");
        thread.setUncaughtExceptionHandler(lastResort);

        thread.start();
        thread.join();

        assertThat(exit.get()).isEqualTo(-1);
        assertThat(lastResort.troubles())
                .containsExactly("thread migration-push-1 has died: java.lang.IllegalStateException: a fault of ours");
    }
}
