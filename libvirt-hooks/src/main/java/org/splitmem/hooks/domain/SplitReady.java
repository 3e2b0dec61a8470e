package org.splitmem.hooks.domain;

import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/**
 * Makes domains split-ready: their RAM is a named file for which the shim hands out the daemon's, and the daemon has a QMP
 * monitor of its own.
 *
 * <p>What it writes: {@code <uuid>} if there is none, {@code memoryBacking} with access {@code shared} and without a source (see
 * {@link MemorySource}), and in {@code qemu:commandline} the monitor and three environment variables. What is there already is
 * corrected in place; all else stays as it is. Doing it twice changes nothing more.
 */
public final class SplitReady {
    private static final String MEMORY_BACKING = "memoryBacking";

    private SplitReady() {}

    /**
     * A split-ready copy of a domain that is yet to be started.
     *
     * @throws NotSplittableException if the domain has {@linkplain SplitReadiness#obstacles obstacles}
     * @throws InvalidDomainXmlException if its uuid cannot be read
     */
    public static DomainXml make(DomainXml domain, ShimPaths paths) {
        return make(domain, paths, MemorySource.NONE);
    }

    /**
     * A split-ready copy of the domain.
     *
     * @param source that of the VM if it runs and this is for its live migration
     * @throws NotSplittableException if the domain has {@linkplain SplitReadiness#obstacles obstacles}
     * @throws InvalidDomainXmlException if its uuid cannot be read
     */
    public static DomainXml make(DomainXml domain, ShimPaths paths, MemorySource source) {
        return make(domain, paths, source, UUID::randomUUID);
    }

    static DomainXml make(DomainXml domain, ShimPaths paths, MemorySource source, Supplier<UUID> uuids) {
        List<Obstacle> obstacles = SplitReadiness.obstacles(domain);
        if (!obstacles.isEmpty()) {
            throw new NotSplittableException(domain.name(), obstacles);
        }
        Document copy = domain.copyDocument();
        var layout = new Layout(copy);
        Element root = copy.getDocumentElement();
        UUID uuid = domain.uuid().orElseGet(() -> addUuid(root, uuids.get(), layout));
        writeMemoryBacking(root, source, layout);
        new QemuCommandLine(root).write(uuid, paths, layout);
        return DomainXml.of(copy);
    }

    /**
     * Whether QEMU, started from this XML, will take its RAM from a daemon and can be controlled by it. Tells nothing about
     * obstacles, nor whether the paths are those of this host.
     */
    public static boolean isSplitReady(DomainXml domain) {
        Optional<UUID> uuid = domain.uuid();
        return uuid.isPresent()
                && hasOurBacking(domain.root())
                && new QemuCommandLine(domain.root()).isComplete(uuid.get());
    }

    /**
     * Whether somebody meant this domain to be split-ready: it names the shim or its VM in QEMU's environment. Such a domain may
     * have lost other parts since; stock Nova, for one, drops {@code memoryBacking} on a live migration.
     */
    public static boolean isMarked(DomainXml domain) {
        return new QemuCommandLine(domain.root()).isMarked();
    }

    /**
     * The copy of an incoming domain that this host can start: with the paths of this host, and with whatever it lost on the way.
     * Its source of memory stays, as libvirt compares that of the copy with that of the original.
     *
     * @throws IllegalArgumentException if the domain is not {@linkplain #isMarked marked}, or has no uuid: then it is not ours
     * @throws NotSplittableException if the domain has {@linkplain SplitReadiness#obstacles obstacles}
     */
    public static DomainXml adaptForThisHost(DomainXml domain, ShimPaths paths) {
        if (!isMarked(domain)) {
            throw new IllegalArgumentException("domain " + domain.name() + " is not meant to be split-ready");
        }
        MemorySource running = MemorySource.of(domain.root());
        return make(domain, paths, running == null ? MemorySource.NONE : running, () -> {
            throw new InvalidDomainXmlException("incoming domain " + domain.name() + " has no uuid");
        });
    }

    /** The VM that the shim will ask the daemon for; empty if QEMU's environment does not say, or says no uuid. */
    public static Optional<UUID> shimVm(DomainXml domain) {
        return new QemuCommandLine(domain.root())
                .env(QemuCommandLine.SPLITMEM_VM)
                .flatMap(DomainXml::parseUuid);
    }

    /** Where this domain's QEMU listens with the daemon's own monitor; empty if the domain is not complete. */
    public static Optional<String> qmpSocket(DomainXml domain) {
        return new QemuCommandLine(domain.root()).qmpSocket();
    }

    private static boolean hasOurBacking(Element root) {
        return MemorySource.of(root) != null
                && "shared".equals(attribute(Elements.first(root, MEMORY_BACKING, "access"), "mode"));
    }

    private static UUID addUuid(Element root, UUID uuid, Layout layout) {
        Element element = root.getOwnerDocument().createElementNS(null, "uuid");
        element.setTextContent(uuid.toString());
        Element name = Elements.first(root, "name");
        if (name == null) {
            layout.append(root, element);
        } else {
            layout.insertAfter(name, element);
        }
        return uuid;
    }

    private static void writeMemoryBacking(Element root, MemorySource source, Layout layout) {
        Element backing = Elements.first(root, MEMORY_BACKING);
        if (backing == null) {
            backing = root.getOwnerDocument().createElementNS(null, MEMORY_BACKING);
            Element before = lastOf(root, "memory", "maxMemory", "currentMemory", "memtune");
            if (before == null) {
                layout.append(root, backing);
            } else {
                layout.insertAfter(before, backing);
            }
        }
        if (source == MemorySource.NONE) {
            Elements.at(root, MEMORY_BACKING, "source").forEach(layout::remove);
        } else {
            write(root, backing, "source", "type", source.type(), layout);
        }
        write(root, backing, "access", "mode", "shared", layout);
    }

    /** Sets the attribute where libvirt reads it: at the first such element below any memoryBacking. */
    private static void write(Element root, Element backing, String name, String key, String value, Layout layout) {
        Element element = Elements.first(root, MEMORY_BACKING, name);
        if (element == null) {
            element = root.getOwnerDocument().createElementNS(null, name);
            layout.append(backing, element);
        }
        element.setAttribute(key, value);
    }

    private static @Nullable Element lastOf(Element root, String... names) {
        Element last = null;
        for (Element child : Elements.children(root)) {
            for (String name : names) {
                last = Elements.is(child, null, name) ? child : last;
            }
        }
        return last;
    }

    private static String attribute(@Nullable Element element, String name) {
        return element == null ? "" : element.getAttribute(name);
    }
}
