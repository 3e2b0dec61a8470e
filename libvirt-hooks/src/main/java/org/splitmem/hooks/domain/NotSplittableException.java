package org.splitmem.hooks.domain;

import java.util.List;
import java.util.stream.Collectors;

/** The domain has {@link Obstacle obstacles}, so it was not made split-ready. */
public final class NotSplittableException extends IllegalArgumentException {
    private final transient List<Obstacle> obstacles;

    NotSplittableException(String name, List<Obstacle> obstacles) {
        super(describe(name, obstacles));
        this.obstacles = List.copyOf(obstacles);
    }

    /** In the order of the document; never empty. */
    public List<Obstacle> obstacles() {
        return obstacles;
    }

    /** One line that names every obstacle. */
    public static String describe(String name, List<Obstacle> obstacles) {
        return obstacles.stream()
                .map(Obstacle::toString)
                .collect(Collectors.joining(" | ", "domain " + name + " cannot be split: ", ""));
    }
}
