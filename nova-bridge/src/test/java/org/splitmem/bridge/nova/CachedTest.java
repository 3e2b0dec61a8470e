package org.splitmem.bridge.nova;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;

class CachedTest {
    private final AtomicLong now = new AtomicLong();
    private final AtomicInteger asked = new AtomicInteger();
    private boolean fails;
    private final Cached<Integer> cached = new Cached<>(this::ask, Duration.ofSeconds(30), now::get);

    private int ask() throws ServiceException {
        if (fails) {
            throw new ServiceException(Kind.UNREACHABLE, "", "no connection");
        }
        return asked.incrementAndGet();
    }

    private void pass(long seconds) {
        now.addAndGet(Duration.ofSeconds(seconds).toNanos());
    }

    @Test
    void anAnswerHoldsForAWhile() throws Exception {
        assertThat(cached.get()).isEqualTo(1);
        pass(29);
        assertThat(cached.get()).isEqualTo(1);
        pass(1);
        assertThat(cached.get()).isEqualTo(2);
    }

    @Test
    void anOldAnswerIsNotGivenOutThoughNoNewOneCanBeHad() throws Exception {
        cached.get();
        fails = true;
        pass(30);

        assertThatThrownBy(cached::get).hasMessage("no connection");
        fails = false;
        assertThat(cached.get()).isEqualTo(2);
    }
}
