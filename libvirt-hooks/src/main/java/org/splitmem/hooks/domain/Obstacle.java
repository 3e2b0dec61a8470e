package org.splitmem.hooks.domain;

/**
 * One reason why a domain cannot be split.
 *
 * @param element where it is, as a path below {@code domain}: {@code devices/interface[2]},
 *     {@code devices/memballoon/@freePageReporting}; elements of QEMU's namespace have the prefix {@code qemu}, whatever
 *     the document calls it
 * @param reason what would go wrong
 * @param remedy what the operator can do about it
 */
public record Obstacle(String element, String reason, String remedy) {
    @Override
    public String toString() {
        return element + ": " + reason + "; " + remedy;
    }
}
