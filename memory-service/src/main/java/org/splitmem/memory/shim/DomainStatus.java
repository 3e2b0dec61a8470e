package org.splitmem.memory.shim;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;

/**
 * What is needed of a file in which libvirt keeps a running domain.
 *
 * @param dacLabel user and group, as in +64055:+108; empty if libvirt set none
 * @param macLabel of AppArmor or SELinux; empty if libvirt set none
 */
record DomainStatus(int pid, UUID uuid, String name, String dacLabel, String macLabel) {
    private static final String DOMAIN = "domstatus/domain/";
    private static final String LABEL = DOMAIN + "seclabel/label";

    static DomainStatus read(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return read(in);
        } catch (XMLStreamException | RuntimeException e) { // the JDK's parser lacks the text of some of its own errors
            throw new IOException(file + " is not a domain's status as libvirt writes it: " + e.getMessage(), e);
        }
    }

    private static DomainStatus read(InputStream in) throws XMLStreamException {
        XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
        factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
        factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
        XMLStreamReader reader = factory.createXMLStreamReader(in);
        Map<String, String> found = new HashMap<>();
        Deque<String> path = new ArrayDeque<>();
        String model = "";
        int pid = 0;
        while (reader.hasNext()) {
            switch (reader.next()) {
                case XMLStreamConstants.START_ELEMENT -> {
                    path.addLast(reader.getLocalName());
                    if (path.size() == 1) {
                        pid = processIn(reader);
                    } else if (reader.getLocalName().equals("seclabel")) {
                        model = String.valueOf(reader.getAttributeValue(null, "model"));
                    }
                }
                case XMLStreamConstants.CHARACTERS -> {
                    String where = String.join("/", path);
                    if (where.equals(LABEL)) {
                        found.merge(model.equals("dac") ? "dac" : "mac", reader.getText(), String::concat);
                    } else if (where.equals(DOMAIN + "uuid") || where.equals(DOMAIN + "name")) {
                        found.merge(path.getLast(), reader.getText(), String::concat);
                    }
                }
                case XMLStreamConstants.END_ELEMENT -> path.removeLast();
                default -> {}
            }
        }
        return new DomainStatus(
                pid,
                UUID.fromString(found.getOrDefault("uuid", "")),
                found.getOrDefault("name", ""),
                found.getOrDefault("dac", ""),
                found.getOrDefault("mac", ""));
    }

    private static int processIn(XMLStreamReader reader) {
        int pid = Integer.parseInt(String.valueOf(reader.getAttributeValue(null, "pid")));
        if (pid <= 0) {
            throw new IllegalArgumentException("process " + pid);
        }
        return pid;
    }
}
