package org.splitmem.hooks.domain;

import org.jspecify.annotations.Nullable;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.Text;

/** Adds and removes elements together with the blanks around them, so that people can still read the XML. */
final class Layout {
    private final Document document;
    private final boolean indented;

    Layout(Document document) {
        this.document = document;
        this.indented = isIndented(document.getDocumentElement());
    }

    void append(Element parent, Element child) {
        Node last = parent.getLastChild();
        if (!indented) {
            parent.appendChild(child);
        } else if (blank(last) != null) {
            // The last blanks indent the parent's end tag: they stay last.
            parent.insertBefore(indent(depth(parent) + 1), last);
            parent.insertBefore(child, last);
        } else {
            parent.appendChild(indent(depth(parent) + 1));
            parent.appendChild(child);
            parent.appendChild(indent(depth(parent)));
        }
    }

    void insertAfter(Element sibling, Element child) {
        Node parent = sibling.getParentNode();
        Node next = sibling.getNextSibling();
        if (indented) {
            parent.insertBefore(indent(depth(sibling)), next);
        }
        parent.insertBefore(child, next);
    }

    void remove(Element element) {
        Node parent = element.getParentNode();
        Text before = blank(element.getPreviousSibling());
        if (before != null) {
            parent.removeChild(before);
        }
        parent.removeChild(element);
    }

    private Text indent(int depth) {
        return document.createTextNode("\n" + "  ".repeat(depth));
    }

    private static int depth(Node node) {
        int depth = 0;
        for (Node above = node.getParentNode(); above instanceof Element; above = above.getParentNode()) {
            depth++;
        }
        return depth;
    }

    private static boolean isIndented(Element root) {
        for (Node node = root.getFirstChild(); node != null; node = node.getNextSibling()) {
            Text text = blank(node);
            if (text != null && text.getData().indexOf('\n') >= 0) {
                return true;
            }
        }
        return false;
    }

    private static @Nullable Text blank(@Nullable Node node) {
        return node instanceof Text text && text.getData().isBlank() ? text : null;
    }
}
