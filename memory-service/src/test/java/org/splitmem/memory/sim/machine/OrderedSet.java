package org.splitmem.memory.sim.machine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** {@link Set}'s factories for simulated code: the JDK's sets have another order in each JVM. */
public final class OrderedSet {
    private OrderedSet() {}

    private static <E> Set<E> made(List<E> elements) {
        return Collections.unmodifiableSet(new LinkedHashSet<>(elements));
    }

    public static <E> Set<E> of() {
        return Set.of();
    }

    public static <E> Set<E> of(E a) {
        return made(List.of(a));
    }

    public static <E> Set<E> of(E a, E b) {
        return made(List.of(a, b));
    }

    public static <E> Set<E> of(E a, E b, E c) {
        return made(List.of(a, b, c));
    }

    public static <E> Set<E> of(E a, E b, E c, E d) {
        return made(List.of(a, b, c, d));
    }

    public static <E> Set<E> of(E a, E b, E c, E d, E e) {
        return made(List.of(a, b, c, d, e));
    }

    public static <E> Set<E> of(E a, E b, E c, E d, E e, E f) {
        return made(List.of(a, b, c, d, e, f));
    }

    @SafeVarargs
    @SuppressWarnings("varargs")
    public static <E> Set<E> of(E... elements) {
        return made(Arrays.asList(elements));
    }

    public static <E> Set<E> copyOf(Collection<? extends E> of) {
        return Collections.unmodifiableSet(new LinkedHashSet<>(of));
    }

    /** Of a ConcurrentHashMap: may change while it is iterated. */
    public static <E> Set<E> newKeySet() {
        return new Shared<>();
    }

    private static final class Shared<E> extends LinkedHashSet<E> {
        private static final long serialVersionUID = 1L;

        @Override
        public Iterator<E> iterator() {
            List<E> now = new ArrayList<>(size());
            super.iterator().forEachRemaining(now::add);
            return now.iterator();
        }
    }
}
