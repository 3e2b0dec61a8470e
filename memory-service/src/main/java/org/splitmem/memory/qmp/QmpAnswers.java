package org.splitmem.memory.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.splitmem.memory.qmp.QemuDevice.Kind;

/** What QEMU's answers say. They may be a guest's that broke out: what is missing or of another type is as if it were empty. Pure functions. */
final class QmpAnswers {
    /** Of the type of an object in a list, as in {@code child<memory-backend-file>}. */
    private static final String CHILD = "child<";

    /** A line is {@code hostnet0: index=0,type=tap,...}, after a backslash or spaces. Begins with a word, so as not to try each letter of it. */
    private static final Pattern NETWORK = Pattern.compile("(?<!\\S)(\\S++)(?<=:) index=\\d++,type=([^,\\s]++)");

    /** The run state of a QEMU that was started to receive a migration. */
    private static final String WAITS_FOR_STREAM = "inmigrate";

    /** What query-migrate reports when nothing is under way. */
    private static final Set<String> MIGRATION_OVER = Set.of("none", "completed", "failed", "cancelled");

    private QmpAnswers() {}

    static QmpEvent event(JsonNode message) {
        JsonNode at = message.path("timestamp");
        long us = at.path("seconds").asLong() * 1_000_000L
                + at.path("microseconds").asLong();
        return new QmpEvent(
                message.path("event").asText(),
                message.path("data").path("status").asText(""),
                us);
    }

    /** False also of a capability that this QEMU does not have. */
    static boolean isSet(JsonNode capabilities, String capability) {
        for (JsonNode one : capabilities) {
            if (one.path("capability").asText().equals(capability)) {
                return one.path("state").asBoolean();
            }
        }
        return false;
    }

    /** @param migrate answer to query-migrate */
    static boolean isMigrating(JsonNode migrate) {
        return !MIGRATION_OVER.contains(migrate.path("status").asText("none"));
    }

    /** @param status answer to query-status */
    static boolean isLoaded(JsonNode status) {
        return !status.path("status").asText(WAITS_FOR_STREAM).equals(WAITS_FOR_STREAM);
    }

    static Set<String> objectTypes(JsonNode objects) {
        Set<String> types = new TreeSet<>();
        for (JsonNode object : objects) {
            String type = object.path("type").asText();
            types.add(type.startsWith(CHILD) ? childType(type) : type);
        }
        return types;
    }

    static List<QemuDevice> devices(JsonNode objects) {
        List<QemuDevice> found = new ArrayList<>();
        for (JsonNode device : objects) {
            String type = device.path("type").asText();
            if (type.startsWith(CHILD)) {
                found.add(new QemuDevice(Kind.DEVICE, device.path("name").asText(), childType(type), false));
            }
        }
        return found;
    }

    static List<QemuDevice> blockNodes(JsonNode nodes) {
        List<QemuDevice> found = new ArrayList<>();
        for (JsonNode node : nodes) {
            found.add(new QemuDevice(
                    Kind.BLOCK,
                    node.path("node-name").asText(),
                    node.path("drv").asText(),
                    node.at("/cache/direct").asBoolean()));
        }
        return found;
    }

    /** @param text that "info network" prints */
    static List<QemuDevice> networks(String text) {
        List<QemuDevice> found = new ArrayList<>();
        Matcher line = NETWORK.matcher(text);
        while (line.find()) {
            String name = line.group(1);
            found.add(new QemuDevice(Kind.NETWORK, name.substring(0, name.length() - 1), line.group(2), false));
        }
        return found;
    }

    private static String childType(String type) {
        return type.substring(CHILD.length(), Math.max(CHILD.length(), type.length() - 1));
    }
}
