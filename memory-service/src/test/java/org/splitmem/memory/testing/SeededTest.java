package org.splitmem.memory.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.TestTemplate;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A test with a {@code long seed} as its parameter, run with several; a run's name shows its seed, and so does its failure.
 * With {@code -Dtest.seed=N} it runs once, with that seed.
 */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@TestTemplate
@ExtendWith(SeededRuns.class)
public @interface SeededTest {
    /** How many seeds. */
    int runs() default 20;
}
