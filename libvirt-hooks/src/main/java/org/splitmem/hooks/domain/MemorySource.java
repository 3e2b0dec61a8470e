package org.splitmem.hooks.domain;

import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;

/**
 * What {@code memoryBacking/source} says of a split-ready domain. libvirt lets no live migration change it, so a running VM keeps
 * its own.
 *
 * <p>QEMU leaves RAM of a named file out of a migration in every version, that of a memfd only up to 8.0.
 */
public enum MemorySource {
    /**
     * Nothing; with access {@code shared} libvirt gives the RAM a named file in its {@code memory_backing_dir} all the same. What
     * new domains get, because only this is what an ordinary domain says, too.
     */
    NONE(null),
    /** The same named file, asked for by name. */
    FILE("file"),
    /** What earlier versions wrote. */
    MEMFD("memfd");

    private final @Nullable String type;

    MemorySource(@Nullable String type) {
        this.type = type;
    }

    /** As in the XML; empty: there is no such element. */
    public String type() {
        return type == null ? "" : type;
    }

    /** What a domain says; null if its RAM cannot be the daemon's like that. */
    static @Nullable MemorySource of(Element domain) {
        Element element = Elements.first(domain, "memoryBacking", "source");
        String said = element == null ? "" : element.getAttribute("type");
        for (MemorySource source : values()) {
            if (source.type().equals(said)) {
                return source;
            }
        }
        return null;
    }
}
