package org.splitmem.events.publish;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.splitmem.events.Event;
import org.splitmem.events.Topic;
import org.splitmem.events.cloud.CloudJson;

/** An outbox that survives its publishers; each has an access of its own. */
final class MemoryOutbox {
    private final TreeMap<Long, Outbox.Waiting> rows = new TreeMap<>();
    private final Map<Long, Outbox.Lane> lanes = new HashMap<>();
    private final Map<String, Long> drops = new LinkedHashMap<>();
    private String holder = "";
    private long next;

    synchronized void add(Event event) {
        next++;
        rows.put(next, new Outbox.Waiting(next, event.key(), CloudJson.writeText(event)));
        lanes.put(next, event.topic() == Topic.PAGING ? Outbox.Lane.SAMPLES : Outbox.Lane.KEPT);
    }

    synchronized void addText(String json) {
        next++;
        rows.put(next, new Outbox.Waiting(next, "key", json));
        lanes.put(next, Outbox.Lane.KEPT);
    }

    synchronized int size() {
        return rows.size();
    }

    /** Its holder is dead, and its lease has run out. */
    synchronized void leaseRunsOut() {
        holder = "";
    }

    void awaitEmpty() throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (size() > 0) {
            assertThat(System.nanoTime()).as("%s rows wait", size()).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(5);
        }
    }

    Access by(String name) {
        return new Access(name);
    }

    /** One publisher's. */
    class Access implements Outbox {
        private final String name;

        Access(String name) {
            this.name = name;
        }

        @Override
        public Lease lease() {
            synchronized (MemoryOutbox.this) {
                if (holder.equals(name)) {
                    return Lease.RENEWED;
                }
                boolean free = holder.isEmpty();
                holder = free ? name : holder;
                return free ? Lease.TAKEN : Lease.OTHERS;
            }
        }

        @Override
        public void release() {
            synchronized (MemoryOutbox.this) {
                holder = holder.equals(name) ? "" : holder;
            }
        }

        @Override
        public List<Waiting> waiting(Lane lane, int most) {
            synchronized (MemoryOutbox.this) {
                return rows.values().stream()
                        .filter(row -> lanes.get(row.number()) == lane)
                        .limit(most)
                        .toList();
            }
        }

        @Override
        public long count(Lane lane) {
            return waiting(lane, Integer.MAX_VALUE).size();
        }

        @Override
        public Map<String, Long> dropped(Set<String> keys) {
            synchronized (MemoryOutbox.this) {
                Map<String, Long> some = new HashMap<>(drops);
                some.keySet().retainAll(keys);
                return some;
            }
        }

        @Override
        public void sent(Collection<Long> numbers, Map<String, Long> told) {
            synchronized (MemoryOutbox.this) {
                numbers.forEach(rows::remove);
                told.forEach((key, n) -> drops.merge(key, -n, Long::sum));
                drops.values().removeIf(n -> n <= 0);
            }
        }

        @Override
        public void refused(Collection<Long> numbers) {
            sent(numbers, Map.of());
        }

        @Override
        public long drop(Lane lane, long most) {
            synchronized (MemoryOutbox.this) {
                List<Waiting> oldest = new ArrayList<>(waiting(lane, (int) most));
                for (Waiting one : oldest) {
                    rows.remove(one.number());
                    if (lane == Lane.SAMPLES) {
                        drops.merge(one.key(), 1L, Long::sum);
                    }
                }
                return oldest.size();
            }
        }
    }
}
