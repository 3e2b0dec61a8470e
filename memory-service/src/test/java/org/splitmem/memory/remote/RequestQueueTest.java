package org.splitmem.memory.remote;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RequestQueueTest {
    private final RequestQueue queue = new RequestQueue();

    private void add(int count) {
        for (int i = 0; i < count; i++) {
            queue.add(queue.tail() * 7, queue.tail(), 1);
        }
    }

    private void answer(int count) {
        for (int i = 0; i < count; i++) {
            assertThat(queue.page(queue.head())).isEqualTo(queue.head() * 7);
            assertThat(queue.askedNs(queue.head())).isEqualTo(queue.head());
            queue.removeOldest();
        }
    }

    @Test
    void requestsStayInOrderHoweverManyThereAre() {
        for (int i = 0; i < 10; i++) {
            add(500);
            answer(300);
        }
        answer(2000);

        assertThat(queue.size()).isZero();
    }

    /** One for each sub-host of each VM. */
    @Test
    void anIdleOneIsSmall() {
        assertThat(queue.room()).isLessThanOrEqualTo(64);
    }

    @Test
    void roomForRequestsToAPeerThatDidNotAnswerIsGivenBack() {
        add(100_000);
        answer(100_000);
        assertThat(queue.room()).isLessThanOrEqualTo(64);
        add(1000);
        answer(1000);
        int room = queue.room();

        add(1000);
        answer(1000);

        assertThat(queue.room()).isEqualTo(room).isGreaterThanOrEqualTo(1000);
    }
}
