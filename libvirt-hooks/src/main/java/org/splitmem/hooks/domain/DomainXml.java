package org.splitmem.hooks.domain;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.DOMException;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.Node;
import org.xml.sax.ErrorHandler;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;

/**
 * A libvirt domain's XML. Never changes after parsing; {@link SplitReady} makes changed copies.
 *
 * <p>The text may come from anyone who may define or migrate a domain, so the parser knows no DTD, no entity but the five of
 * XML, nothing outside of the text, and has limits for its size and depth.
 */
public final class DomainXml {
    /** The longest text that is parsed, in bytes of UTF-8. libvirt's own limit for a string in an RPC is 4 MiB. */
    public static final int MAX_BYTES = 1 << 20;

    /** The limit of libxml2, and so of libvirt. A deeper tree would overflow the stack of what walks it. */
    private static final int MAX_DEPTH = 256;

    private static final Pattern UUID_DIGITS = Pattern.compile("[0-9a-f]{32}");

    private final Document document;
    private final GuestMemory memory;

    private DomainXml(Document document) {
        this.document = document;
        this.memory = new GuestMemory(document.getDocumentElement());
    }

    /** @throws InvalidDomainXmlException if it is too long, not well-formed (with line and column), or not a domain */
    public static DomainXml parse(String xml) {
        requireSize(xml);
        try {
            Document document = builder().parse(new InputSource(new StringReader(xml)));
            requireKeepableNames(document.getDocumentElement());
            return of(document);
        } catch (SAXParseException e) {
            throw new InvalidDomainXmlException("domain XML, line " + e.getLineNumber() + ", column "
                    + e.getColumnNumber() + ": " + oneLine(e.getMessage()));
        } catch (SAXException e) {
            throw new InvalidDomainXmlException("domain XML: " + oneLine(e.getMessage()));
        } catch (IOException e) {
            // A StringReader that is not closed does not fail; what does is a character that XML does not have.
            throw new InvalidDomainXmlException("domain XML: " + oneLine(e.getMessage()));
        }
    }

    static DomainXml of(Document document) {
        Element root = document.getDocumentElement();
        if (!Elements.is(root, null, "domain")) {
            throw new InvalidDomainXmlException(
                    "not a libvirt domain: the root element is <" + root.getNodeName() + ">, not <domain>");
        }
        return new DomainXml(document);
    }

    /** The XML with all that was parsed: comments, CDATA sections, foreign namespaces, blanks. No XML declaration. */
    public String serialize() {
        try {
            var transformer = TransformerFactory.newDefaultInstance().newTransformer();
            transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
            transformer.setOutputProperty(OutputKeys.ENCODING, "UTF-8");
            var out = new StringWriter();
            transformer.transform(new DOMSource(document), new StreamResult(out));
            return out.toString();
        } catch (TransformerException e) {
            throw new IllegalStateException("writing the XML of a domain: " + e.getMessage(), e);
        }
    }

    /**
     * The domain's uuid; empty if the XML has none, as before its first {@code define}.
     *
     * @throws InvalidDomainXmlException if there is one that is not a uuid
     */
    public Optional<UUID> uuid() {
        return Optional.ofNullable(Elements.first(root(), "uuid")).map(DomainXml::uuidOf);
    }

    /** @throws InvalidDomainXmlException if the domain has no name */
    public String name() {
        Element name = Elements.first(root(), "name");
        if (name == null || name.getTextContent().isEmpty()) {
            throw new InvalidDomainXmlException("not a complete domain: it has no <name>");
        }
        return name.getTextContent();
    }

    /** All of the memory that the guest may have from its start: that of the NUMA cells and of the memory devices included. */
    public long memoryBytes() {
        return memory.totalBytes();
    }

    /** The sizes of the guest's NUMA cells, by cell id; empty if it has none. A cell may have 0 bytes. */
    public List<Long> numaCellBytes() {
        return memory.cellBytes();
    }

    /**
     * The sizes of the RAM backends in the order in which QEMU creates them: one per NUMA cell that has memory, or one for
     * everything. Rounded up as libvirt does for QEMU. Memory devices are not among them.
     */
    public List<Long> ramBackendBytes() {
        return memory.backendBytes();
    }

    Element root() {
        return document.getDocumentElement();
    }

    GuestMemory memory() {
        return memory;
    }

    /** @throws InvalidDomainXmlException if it has a name that the parser lets pass and namespaces do not, as {@code :name} */
    Document copyDocument() {
        try {
            return (Document) document.cloneNode(true);
        } catch (DOMException e) {
            throw new InvalidDomainXmlException("domain XML: " + oneLine(e.getMessage()));
        }
    }

    /** As virUUIDParse: 32 hexadecimal digits of either case, with hyphens anywhere. */
    static Optional<UUID> parseUuid(String text) {
        String digits = text.strip().replace("-", "").toLowerCase(Locale.ROOT);
        if (!UUID_DIGITS.matcher(digits).matches()) {
            return Optional.empty();
        }
        return Optional.of(
                new UUID(Long.parseUnsignedLong(digits, 0, 16, 16), Long.parseUnsignedLong(digits, 16, 32, 16)));
    }

    private static UUID uuidOf(Element element) {
        return parseUuid(element.getTextContent())
                .orElseThrow(() -> new InvalidDomainXmlException(
                        "uuid: '" + oneLine(element.getTextContent()) + "' is not a uuid"));
    }

    private static void requireSize(String xml) {
        // The first test spares a needless copy of something huge.
        if (xml.length() > MAX_BYTES || xml.getBytes(StandardCharsets.UTF_8).length > MAX_BYTES) {
            throw new InvalidDomainXmlException("domain XML: longer than " + MAX_BYTES + " bytes");
        }
    }

    /** The JDK writes any attribute whose name begins with xmlns as if it were the declaration of a namespace. */
    private static void requireKeepableNames(Element element) {
        NamedNodeMap attributes = element.getAttributes();
        for (int i = 0; i < attributes.getLength(); i++) {
            Node attribute = attributes.item(i);
            if (attribute.getNodeName().startsWith(XMLConstants.XMLNS_ATTRIBUTE)
                    && !XMLConstants.XMLNS_ATTRIBUTE_NS_URI.equals(attribute.getNamespaceURI())) {
                throw new InvalidDomainXmlException(
                        "domain XML: <" + oneLine(element.getNodeName()) + "> has an attribute "
                                + oneLine(attribute.getNodeName()) + ": XML reserves such names, remove it");
            }
        }
        for (Node node = element.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element child) {
                requireKeepableNames(child); // the depth is limited
            }
        }
    }

    private static DocumentBuilder builder() {
        try {
            // The default instance: another parser on the class path may not know these features.
            var factory = DocumentBuilderFactory.newDefaultNSInstance();
            factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            // A deferred tree is built while it is read.
            factory.setFeature("http://apache.org/xml/features/dom/defer-node-expansion", false);
            factory.setAttribute(XMLConstants.ACCESS_EXTERNAL_DTD, "");
            factory.setAttribute(XMLConstants.ACCESS_EXTERNAL_SCHEMA, "");
            factory.setAttribute("jdk.xml.maxElementDepth", Integer.toString(MAX_DEPTH));
            factory.setXIncludeAware(false);
            factory.setExpandEntityReferences(false);
            var builder = factory.newDocumentBuilder();
            builder.setErrorHandler(new Strict());
            return builder;
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException("the JDK's XML parser lacks a feature: " + e.getMessage(), e);
        }
    }

    private static String oneLine(@Nullable String message) {
        String line = String.valueOf(message).replaceAll("\\s+", " ").strip();
        return line.length() <= 200 ? line : line.substring(0, 200) + "...";
    }

    /** Without one, the JDK's parser writes to standard error. */
    private static final class Strict implements ErrorHandler {
        @Override
        public void warning(SAXParseException e) {
            // Warnings are about DTDs, which are refused.
        }

        @Override
        public void error(SAXParseException e) throws SAXParseException {
            throw e;
        }

        @Override
        public void fatalError(SAXParseException e) throws SAXParseException {
            throw e;
        }
    }
}
