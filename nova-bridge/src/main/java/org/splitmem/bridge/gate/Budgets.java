package org.splitmem.bridge.gate;

import java.util.HashMap;
import java.util.Map;

/** How much of something each owner has at once, and never more than its share. Any thread. */
final class Budgets {
    private final int most;
    private final Map<String, Integer> used = new HashMap<>(); // guarded by this

    Budgets(int most) {
        this.most = most;
    }

    /** @return false if the owner has all that it may have; what succeeds is given back with {@link #leave} */
    synchronized boolean enter(String owner) {
        int now = used.getOrDefault(owner, 0);
        if (now >= most) {
            return false;
        }
        used.put(owner, now + 1);
        return true;
    }

    synchronized void leave(String owner) {
        used.computeIfPresent(owner, (key, now) -> now == 1 ? null : now - 1);
    }
}
