package org.splitmem.hooks.domain;

import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;

/** Obstacles in what a domain passes to QEMU past libvirt: there it can do all that the other rules refuse. */
final class CommandLineRules {
    private static final String REMEDY = "remove it from qemu:commandline";

    private static final List<String> UNCACHED = List.of("none", "off", "directsync");
    private static final Pattern JSON_DIRECT = Pattern.compile("\\bdirect\"\\s*:\\s*(?:true|\"on\")");

    private static final List<String> ENCRYPTION_OBJECTS = List.of("sev-", "tdx-guest", "s390-pv-guest");

    private final QemuCommandLine commandLine;

    CommandLineRules(Element domain) {
        this.commandLine = new QemuCommandLine(domain);
    }

    void inspect(List<Obstacle> found) {
        List<Element> args = commandLine.args();
        for (int i = 0; i < args.size(); i++) {
            Element next = i + 1 < args.size() ? args.get(i + 1) : null;
            inspectOption(args.get(i), next, found);
        }
        for (Element env : commandLine.envs()) {
            boolean preload = env.getAttribute("name").equals(QemuCommandLine.LD_PRELOAD);
            if (preload && QemuCommandLine.preloadsOther(env.getAttribute("value"))) {
                found.add(new Obstacle(
                        Elements.path(env),
                        "LD_PRELOAD loads something else into QEMU, which may come between it and the shim",
                        REMEDY));
            }
        }
    }

    private static void inspectOption(Element arg, @Nullable Element next, List<Obstacle> found) {
        String text = arg.getAttribute("value");
        if (!text.startsWith("-")) {
            return;
        }
        String option = text.substring(text.startsWith("--") ? 2 : 1);
        String value = next == null ? "" : next.getAttribute("value");
        String reason = reasonAgainst(option, value);
        if (reason != null) {
            Element guilty = next == null || option.equals("mem-prealloc") ? arg : next;
            found.add(new Obstacle(Elements.path(guilty), text + ": " + reason, REMEDY));
        }
    }

    private static @Nullable String reasonAgainst(String option, String value) {
        return switch (option) {
            case "mem-path" -> "guest RAM would not be the daemon's";
            case "mem-prealloc" -> "QEMU would touch every page at its start, remote ones too";
            case "m", "numa" -> "guest RAM would not be laid out as the domain's XML says";
            case "readconfig" -> "the file may hold any option, and nobody can tell which";
            case "virtfs", "fsdev" -> "QEMU cannot be live-migrated while the guest has this file system mounted";
            case "object" -> againstObject(value);
            case "device" -> DriverRules.againstDevice(nameIn(value, "driver"));
            case "machine", "M" -> againstMachine(QemuCommandLine.options(value));
            case "overcommit" -> isOn(QemuCommandLine.options(value).get("mem-lock")) ? "memory would be locked" : null;
            case "realtime" -> isOn(QemuCommandLine.options(value).get("mlock")) ? "memory would be locked" : null;
            case "netdev", "net" -> DriverRules.againstNetwork(nameIn(value, "type"));
            case "blockdev", "drive" -> againstBlock(value);
            default -> null;
        };
    }

    private static @Nullable String againstObject(String value) {
        String type = nameIn(value, "qom-type");
        if (type.startsWith("memory-backend")) {
            return "this memory would not be the daemon's";
        }
        if (startsWithAny(type, ENCRYPTION_OBJECTS)) {
            return "the guest's memory would be encrypted";
        }
        return type.startsWith("x-vfio-user") ? "it " + DeviceRules.PAST_QEMU : null;
    }

    private static @Nullable String againstMachine(Map<String, String> options) {
        if (options.containsKey("memory-backend")) {
            return "this memory would not be the daemon's";
        }
        boolean encrypted =
                options.containsKey("confidential-guest-support") || options.containsKey("memory-encryption");
        return encrypted ? "the guest's memory would be encrypted" : null;
    }

    private static @Nullable String againstBlock(String value) {
        boolean nvme = value.contains("nvme://") || value.contains("\"nvme\"");
        String reason = DriverRules.againstBlockDriver(nvme ? "nvme" : nameIn(value, "driver"));
        if (reason != null) {
            return reason;
        }
        return isDirect(value) ? DeviceRules.DIRECT_IO : null;
    }

    private static boolean isDirect(String value) {
        return JSON_DIRECT.matcher(value).find()
                || QemuCommandLine.options(value).entrySet().stream().anyMatch(CommandLineRules::isDirect);
    }

    private static boolean isDirect(Map.Entry<String, String> option) {
        return option.getKey().equals("cache")
                ? UNCACHED.contains(option.getValue())
                : option.getKey().endsWith("cache.direct") && isOn(option.getValue());
    }

    /** What an argument is about: what the key says, in JSON or in QEMU's own notation, or else the first word. */
    private static String nameIn(String value, String key) {
        if (value.startsWith("{")) {
            Matcher matcher =
                    Pattern.compile("\"" + key + "\"\\s*:\\s*\"([^\"]*)\"").matcher(value);
            return matcher.find() ? matcher.group(1) : "";
        }
        Map<String, String> options = QemuCommandLine.options(value);
        String named = options.get(key);
        if (named != null) {
            return named;
        }
        return options.keySet().iterator().next();
    }

    private static boolean startsWithAny(String text, List<String> prefixes) {
        return prefixes.stream().anyMatch(text::startsWith);
    }

    private static boolean isOn(@Nullable String value) {
        return value != null && List.of("", "on", "true", "yes").contains(value);
    }
}
