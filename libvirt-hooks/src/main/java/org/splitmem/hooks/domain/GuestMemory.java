package org.splitmem.hooks.domain;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.w3c.dom.Element;

/** How much memory a domain has, and how QEMU is told to lay it out. Read from the XML at each call. */
final class GuestMemory {
    private static final long MIB = 1L << 20;

    private final Element domain;

    GuestMemory(Element domain) {
        this.domain = domain;
    }

    long totalBytes() {
        List<Long> cells = cellBytes();
        if (cells.isEmpty()) {
            return declaredBytes();
        }
        // libvirt ignores <memory> as soon as there are cells, and adds the devices to them.
        return add(sum(cells), deviceBytes());
    }

    List<Long> cellBytes() {
        var byId = new TreeMap<Integer, Long>();
        int position = 0;
        for (Element cell : cells()) {
            int id = cell.hasAttribute("id") ? id(cell) : position;
            String path = Elements.path(cell);
            if (byId.put(id, MemorySize.bytes(path, cell.getAttribute("memory"), cell.getAttribute("unit"))) != null) {
                throw new InvalidDomainXmlException(path + ": two NUMA cells with the id " + id);
            }
            position++;
        }
        return List.copyOf(byId.values());
    }

    List<Long> backendBytes() {
        List<Long> cells = cellBytes();
        if (cells.isEmpty()) {
            long ram = declaredBytes() - deviceBytes();
            if (ram <= 0) {
                throw new InvalidDomainXmlException("memory: nothing is left beside the memory devices");
            }
            return List.of(aligned(ram));
        }
        var backends = new ArrayList<Long>();
        for (long cell : cells) {
            if (cell > 0) { // a cell without memory has no backend
                backends.add(aligned(cell));
            }
        }
        return List.copyOf(backends);
    }

    List<Element> cells() {
        return Elements.at(domain, "cpu", "numa", "cell");
    }

    /** libvirt rounds RAM up to whole MiB before it writes QEMU's command line (256 MiB on POWER: qemuDomainGetMemorySizeAlignment). */
    private long aligned(long bytes) {
        Element type = Elements.first(domain, "os", "type");
        boolean power = type != null && type.getAttribute("arch").startsWith("ppc64");
        long unit = power ? 256 * MIB : MIB;
        return add(bytes, unit - 1) / unit * unit;
    }

    private long declaredBytes() {
        Element memory = Elements.first(domain, "memory");
        if (memory == null) {
            throw new InvalidDomainXmlException("not a complete domain: it has no <memory>");
        }
        return scaled(memory);
    }

    private long deviceBytes() {
        var sizes = new ArrayList<Long>();
        for (Element size : Elements.at(domain, "devices", "memory", "target", "size")) {
            sizes.add(scaled(size));
        }
        return sum(sizes);
    }

    private static long sum(List<Long> sizes) {
        return sizes.stream().reduce(0L, GuestMemory::add);
    }

    /** Both are sizes that were read, so not negative. */
    private static long add(long left, long right) {
        if (left > Long.MAX_VALUE - right) {
            throw new InvalidDomainXmlException("memory: all of it together is more than 2^63 - 1 bytes");
        }
        return left + right;
    }

    private static long scaled(Element element) {
        return MemorySize.bytes(Elements.path(element), element.getTextContent(), element.getAttribute("unit"));
    }

    private static int id(Element cell) {
        String text = cell.getAttribute("id").strip();
        try {
            return Integer.parseUnsignedInt(text);
        } catch (NumberFormatException e) {
            throw new InvalidDomainXmlException(Elements.path(cell) + "/@id: '" + text + "' is not a number");
        }
    }
}
