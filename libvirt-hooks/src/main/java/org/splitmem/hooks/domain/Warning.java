package org.splitmem.hooks.domain;

/**
 * Something in a domain that does not forbid a split, but that its operator should know.
 *
 * @param element where it is, written as in {@link Obstacle}
 * @param message what to expect
 */
public record Warning(String element, String message) {
    @Override
    public String toString() {
        return element + ": " + message;
    }
}
