package org.splitmem.hooks.domain;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * Looking around in a domain's tree. Walks by siblings: the JDK's NodeList keeps a cache in the node, which makes even a read
 * a write. libvirt's own elements have no namespace; a {@code null} namespace stands for that.
 */
final class Elements {
    private Elements() {}

    /** The child elements of that name, in the order of the document. */
    static List<Element> children(Element parent, @Nullable String namespace, String name) {
        var found = new ArrayList<Element>();
        for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element child && is(child, namespace, name)) {
                found.add(child);
            }
        }
        return found;
    }

    /** The child elements of that name among libvirt's own. */
    static List<Element> children(Element parent, String name) {
        return children(parent, null, name);
    }

    /** All of libvirt's own child elements. */
    static List<Element> children(Element parent) {
        var found = new ArrayList<Element>();
        for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element child && child.getNamespaceURI() == null) {
                found.add(child);
            }
        }
        return found;
    }

    /** The elements that the path leads to, in the order of the document: a step may be there several times. */
    static List<Element> at(Element start, String... steps) {
        List<Element> here = List.of(start);
        for (String step : steps) {
            var next = new ArrayList<Element>();
            here.forEach(element -> next.addAll(children(element, step)));
            here = next;
        }
        return here;
    }

    static @Nullable Element first(Element start, String... steps) {
        List<Element> found = at(start, steps);
        return found.isEmpty() ? null : found.get(0);
    }

    static boolean is(Element element, @Nullable String namespace, String name) {
        return name.equals(element.getLocalName()) && Objects.equals(namespace, element.getNamespaceURI());
    }

    /** The path below the root, as {@link Obstacle#element()} has it; an index only where the name is not the only one. */
    static String path(Element element) {
        Node parent = element.getParentNode();
        if (!(parent instanceof Element above)) {
            return element.getLocalName();
        }
        String prefix = QemuCommandLine.NAMESPACE.equals(element.getNamespaceURI()) ? "qemu:" : "";
        String step = prefix + element.getLocalName() + index(element, above);
        return above.getParentNode() instanceof Element ? path(above) + "/" + step : step;
    }

    private static String index(Element element, Element parent) {
        List<Element> alike = children(parent, element.getNamespaceURI(), element.getLocalName());
        if (alike.size() == 1) {
            return "";
        }
        int position = 0;
        while (alike.get(position) != element) {
            position++;
        }
        return "[" + (position + 1) + "]";
    }
}
