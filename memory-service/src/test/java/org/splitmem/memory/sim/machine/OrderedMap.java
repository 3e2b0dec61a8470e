package org.splitmem.memory.sim.machine;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** {@link Map}'s factories for simulated code: the JDK's maps have another order in each JVM. */
public final class OrderedMap {
    private OrderedMap() {}

    @SuppressWarnings("unchecked")
    private static <K, V> Map<K, V> made(Object... pairs) {
        Map<K, V> map = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            map.put((K) pairs[i], (V) pairs[i + 1]);
        }
        return Collections.unmodifiableMap(map);
    }

    public static <K, V> Map<K, V> of() {
        return Map.of();
    }

    public static <K, V> Map<K, V> of(K a, V av) {
        return made(a, av);
    }

    public static <K, V> Map<K, V> of(K a, V av, K b, V bv) {
        return made(a, av, b, bv);
    }

    public static <K, V> Map<K, V> of(K a, V av, K b, V bv, K c, V cv) {
        return made(a, av, b, bv, c, cv);
    }

    public static <K, V> Map<K, V> of(K a, V av, K b, V bv, K c, V cv, K d, V dv) {
        return made(a, av, b, bv, c, cv, d, dv);
    }

    @SafeVarargs
    public static <K, V> Map<K, V> ofEntries(Map.Entry<? extends K, ? extends V>... entries) {
        Map<K, V> map = new LinkedHashMap<>();
        for (Map.Entry<? extends K, ? extends V> entry : entries) {
            map.put(entry.getKey(), entry.getValue());
        }
        return Collections.unmodifiableMap(map);
    }

    public static <K, V> Map<K, V> copyOf(Map<? extends K, ? extends V> of) {
        return Collections.unmodifiableMap(new LinkedHashMap<>(of));
    }
}
