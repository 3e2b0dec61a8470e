package org.splitmem.hooks.domain;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Attr;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.Text;
import org.xml.sax.InputSource;

/** What SplitReady must leave alone: a domain without all that it may write, and without the blanks between elements. */
final class Bystanders {
    private static final Set<String> OUR_ENVS = Set.of("LD_PRELOAD", "SPLITMEM_VM", "SPLITMEM_SOCKET");
    private static final Set<String> OUR_OPTIONS = Set.of("-chardev", "-mon", "--mon");

    private Bystanders() {}

    static Document of(String xml) throws Exception {
        Document document = DocumentBuilderFactory.newDefaultNSInstance()
                .newDocumentBuilder()
                .parse(source(xml));
        Element root = document.getDocumentElement();
        strip(root);
        removeBlanks(document);
        return document;
    }

    private static InputSource source(String xml) {
        return new InputSource(new StringReader(xml));
    }

    private static void strip(Element root) {
        for (Node attribute : attributes(root)) {
            if (attribute.getNodeValue().equals(QemuCommandLine.NAMESPACE)) {
                root.removeAttributeNode((Attr) attribute);
            }
        }
        for (Element child : elements(root)) {
            if (child.getNodeName().equals("uuid")) {
                root.removeChild(child);
            } else if (child.getNodeName().equals("memoryBacking")) {
                removeIf(child, part -> Set.of("source", "access").contains(part.getNodeName()));
            } else if (QemuCommandLine.NAMESPACE.equals(child.getNamespaceURI())
                    && child.getLocalName().equals("commandline")) {
                removeIf(child, env -> OUR_ENVS.contains(env.getAttribute("name")));
                removeOurArgs(child);
                if (elements(child).isEmpty()) {
                    root.removeChild(child);
                }
            }
        }
    }

    private static void removeOurArgs(Element line) {
        Element before = null;
        for (Element arg : elements(line)) {
            if (arg.getAttribute("value").contains("splitmem-qmp")) {
                line.removeChild(arg);
                if (before != null && OUR_OPTIONS.contains(before.getAttribute("value"))) {
                    line.removeChild(before);
                }
            }
            before = arg;
        }
    }

    private static void removeIf(Element parent, Predicate<Element> what) {
        elements(parent).stream().filter(what).forEach(parent::removeChild);
        if (parent.getNodeName().equals("memoryBacking") && elements(parent).isEmpty()) {
            parent.getParentNode().removeChild(parent);
        }
    }

    private static void removeBlanks(Node node) {
        for (Node child : nodes(node)) {
            if (child instanceof Text text && text.getData().isBlank()) {
                node.removeChild(child);
            } else {
                removeBlanks(child);
            }
        }
    }

    private static List<Element> elements(Node parent) {
        return nodes(parent).stream()
                .filter(Element.class::isInstance)
                .map(Element.class::cast)
                .toList();
    }

    private static List<Node> nodes(Node parent) {
        var all = new ArrayList<Node>();
        for (Node child = parent.getFirstChild(); child != null; child = child.getNextSibling()) {
            all.add(child);
        }
        return all;
    }

    private static List<Node> attributes(Element element) {
        var all = new ArrayList<Node>();
        for (int i = 0; i < element.getAttributes().getLength(); i++) {
            all.add(element.getAttributes().item(i));
        }
        return all;
    }
}
