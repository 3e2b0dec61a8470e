package org.splitmem.systemtests;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which frames are damaged: of each connection always the same ones with the same seed, whatever the others do. One bit of a frame is
 * flipped, either in a page or its checksum, or outside of them: in the header or a list.
 */
final class FrameDamage {
    static final String OUT = "out", BACK = "back", ANY = "*";
    static final String PAGE = "page", HEAD = "head";

    private final Map<Kind, Integer> rules = new ConcurrentHashMap<>();
    private final Map<Kind, Integer> counts = new ConcurrentHashMap<>();

    /**
     * @param host whose data port it is
     * @param role of the connection
     * @param direction from the caller or back to it
     * @param part of the frame
     */
    record Kind(String host, String role, String direction, String part) {
        boolean includes(Kind other) {
            return (host.equals(ANY) || host.equals(other.host))
                    && (role.equals(ANY) || role.equals(other.role))
                    && direction.equals(other.direction)
                    && part.equals(other.part);
        }

        @Override
        public String toString() {
            return host + " " + role + " " + direction + " " + part;
        }
    }

    /** One of each so many frames of this kind from now on; which of them is left to chance. */
    void add(String host, String role, String direction, String part, int oneIn) {
        rules.put(new Kind(host, role, direction, part), oneIn);
    }

    void clear() {
        rules.clear();
    }

    /** How many frames of each kind were damaged. */
    Map<String, Integer> counts() {
        Map<String, Integer> sorted = new TreeMap<>();
        counts.forEach((kind, count) -> sorted.put(kind.toString(), count));
        return sorted;
    }

    /** @param number of the connection among those of its host and role */
    Chance chance(long seed, String host, String role, String direction, int number) {
        return new Chance(
                new Kind(host, role, direction, PAGE),
                new Kind(host, role, direction, HEAD),
                new Random(seed ^ (long) Objects.hash(host, role, direction, number) << 16));
    }

    /** For one direction of one connection. */
    final class Chance {
        private final Kind page;
        private final Kind head;
        private final Random random;
        /** Frames seen under each rule, and which of the present so many is hit: one is, or a short conversation might go by unharmed. */
        private final Map<Kind, Turn> turns = new HashMap<>();

        private Chance(Kind page, Kind head, Random random) {
            this.page = page;
            this.head = head;
            this.random = random;
        }

        void damage(DamagingRelay.Frame frame) {
            if (frame.hasPages() && hits(page)) {
                flip(frame, page, frame.pagesFrom(), frame.length());
            } else if (hits(head)) {
                flip(frame, head, 0, frame.pagesFrom());
            }
        }

        private boolean hits(Kind kind) {
            boolean hit = false;
            for (Map.Entry<Kind, Integer> rule : rules.entrySet()) {
                if (rule.getKey().includes(kind)) {
                    hit |= turns.computeIfAbsent(rule.getKey(), of -> new Turn())
                            .next(random, rule.getValue());
                }
            }
            return hit;
        }

        private void flip(DamagingRelay.Frame frame, Kind kind, int from, int to) {
            int bit = from * Byte.SIZE + random.nextInt((to - from) * Byte.SIZE);
            frame.bytes()[bit / Byte.SIZE] ^= (byte) (1 << bit % Byte.SIZE);
            counts.merge(kind, 1, Integer::sum);
        }
    }

    private static final class Turn {
        private int seen;
        private int chosen;

        /** @return whether this frame is the one of the present so many */
        boolean next(Random random, int oneIn) {
            if (seen % oneIn == 0) {
                seen = 0;
                chosen = random.nextInt(oneIn);
            }
            return seen++ == chosen;
        }
    }
}
