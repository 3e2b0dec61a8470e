package org.splitmem.hooks.domain;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Predicate;
import javax.xml.XMLConstants;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** What a domain passes to QEMU through libvirt's {@code qemu:commandline}, and the shim's part of it. */
final class QemuCommandLine {
    static final String NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0";

    static final String LD_PRELOAD = "LD_PRELOAD";
    static final String SPLITMEM_VM = "SPLITMEM_VM";
    static final String SPLITMEM_SOCKET = "SPLITMEM_SOCKET";

    private static final String QMP_ID = "splitmem-qmp";
    private static final String CHARDEV = "chardev";
    private static final Set<String> MONITOR_KEYS = Set.of(CHARDEV, "mode", "pretty");

    private final Element domain;

    QemuCommandLine(Element domain) {
        this.domain = domain;
    }

    /** The {@code qemu:arg} elements: libvirt appends their values to the command line in this order. */
    List<Element> args() {
        return all("arg");
    }

    List<Element> envs() {
        return all("env");
    }

    /** The value that QEMU sees: libvirt lets a later one of the same name win. */
    Optional<String> env(String name) {
        return envs().stream()
                .filter(env -> env.getAttribute("name").equals(name))
                .reduce((earlier, later) -> later)
                .map(env -> env.getAttribute("value"));
    }

    /** Whether this domain is meant to be split-ready, be it complete or not. */
    boolean isMarked() {
        return env(SPLITMEM_VM).isPresent() || env(LD_PRELOAD).stream().anyMatch(QemuCommandLine::preloadsShim);
    }

    /** Whether the shim, the VM's uuid, the daemon's socket and our QMP monitor are all there, once. */
    boolean isComplete(UUID vm) {
        return env(LD_PRELOAD).stream().anyMatch(QemuCommandLine::preloadsOnlyShim)
                && env(SPLITMEM_VM).stream().anyMatch(vm.toString()::equals)
                && env(SPLITMEM_SOCKET).stream().anyMatch(path -> path.startsWith("/"))
                && qmpSocket().stream().anyMatch(path -> path.endsWith("/" + vm + ".sock"))
                && monitors() == 1;
    }

    /** Where QEMU listens with our own monitor; empty unless there is exactly one that listens without waiting. */
    Optional<String> qmpSocket() {
        List<Map<String, String>> ours = values("-" + CHARDEV).stream()
                .map(QemuCommandLine::options)
                .filter(options -> QMP_ID.equals(options.get("id")))
                .toList();
        if (ours.size() != 1 || !ours.get(0).containsKey("socket")) {
            return Optional.empty();
        }
        Map<String, String> options = ours.get(0);
        boolean listens = "on".equals(options.get("server")) && "off".equals(options.get("wait"));
        return listens ? Optional.ofNullable(options.get("path")).filter(p -> p.startsWith("/")) : Optional.empty();
    }

    /** Writes the shim's part, changing what is there already; everything else stays. */
    void write(UUID vm, ShimPaths paths, Layout layout) {
        String socket = "socket,id=" + QMP_ID + ",path=" + paths.qmpSocket(vm) + ",server=on,wait=off";
        writePair("-" + CHARDEV, QemuCommandLine::isOurSocket, socket, layout);
        writePair("-mon", QemuCommandLine::isOurMonitor, CHARDEV + "=" + QMP_ID + ",mode=control", layout);
        writeEnv(LD_PRELOAD, paths.shimLibrary().toString(), layout);
        writeEnv(SPLITMEM_VM, vm.toString(), layout);
        writeEnv(SPLITMEM_SOCKET, paths.shimSocket().toString(), layout);
    }

    /** Whether ld.so is told to load anything that is not the shim. */
    static boolean preloadsOther(String preload) {
        return !libraries(preload).stream().allMatch(ShimPaths::isShimLibrary);
    }

    /** The options of one argument in QEMU's notation: {@code a,b=c}; a comma in a value is written twice. */
    static Map<String, String> options(String argument) {
        var options = new LinkedHashMap<String, String>();
        for (String option : argument.replace(",,", "\0").split(",", -1)) {
            int equals = option.indexOf('=');
            String key = equals < 0 ? option : option.substring(0, equals);
            String value = equals < 0 ? "" : option.substring(equals + 1).replace('\0', ',');
            options.put(key, value);
        }
        return options;
    }

    private static boolean preloadsShim(String preload) {
        return libraries(preload).stream().anyMatch(ShimPaths::isShimLibrary);
    }

    private static boolean preloadsOnlyShim(String preload) {
        return preloadsShim(preload) && !preloadsOther(preload);
    }

    private static List<String> libraries(String preload) {
        return List.of(preload.split("[:\\s]+")).stream()
                .filter(library -> !library.isEmpty())
                .toList();
    }

    private static boolean isOurSocket(String value) {
        return QMP_ID.equals(options(value).get("id"));
    }

    /** A device may use our character device too (wrongly); only a monitor has no other options than these. */
    private static boolean isOurMonitor(String value) {
        Map<String, String> options = options(value);
        return QMP_ID.equals(options.get(CHARDEV)) && MONITOR_KEYS.containsAll(options.keySet());
    }

    private long monitors() {
        return values("-mon").stream()
                .filter(QemuCommandLine::isOurMonitor)
                .filter(value -> "control".equals(options(value).get("mode")))
                .count();
    }

    /** The values that follow this option. */
    private List<String> values(String option) {
        List<Element> args = args();
        var found = new ArrayList<String>();
        for (int i = 1; i < args.size(); i++) {
            if (isOption(args.get(i - 1), option)) {
                found.add(args.get(i).getAttribute("value"));
            }
        }
        return found;
    }

    /** QEMU takes its options with one hyphen or with two. */
    private static boolean isOption(Element arg, String option) {
        String value = arg.getAttribute("value");
        return value.equals(option) || value.equals("-" + option);
    }

    private void writePair(String option, Predicate<String> ours, String value, Layout layout) {
        var kept = new ArrayDeque<Element>();
        boolean written = false;
        for (Element arg : args()) {
            Element before = kept.peekLast();
            boolean paired = before != null && isOption(before, option);
            // What follows another option belongs to that one, whatever it looks like.
            boolean foreign =
                    before != null && !paired && before.getAttribute("value").startsWith("-");
            if (foreign || !ours.test(arg.getAttribute("value"))) {
                kept.add(arg);
            } else if (paired && !written) {
                arg.setAttribute("value", value);
                written = true;
                kept.add(arg);
            } else {
                layout.remove(arg);
                if (paired) {
                    layout.remove(kept.removeLast());
                }
            }
        }
        if (!written) {
            append("arg", layout).setAttribute("value", option);
            append("arg", layout).setAttribute("value", value);
        }
    }

    private void writeEnv(String name, String value, Layout layout) {
        boolean written = false;
        for (Element env : envs()) {
            if (env.getAttribute("name").equals(name)) {
                if (written) {
                    layout.remove(env);
                } else {
                    env.setAttribute("value", value);
                    written = true;
                }
            }
        }
        if (!written) {
            Element env = append("env", layout);
            env.setAttribute("name", name);
            env.setAttribute("value", value);
        }
    }

    /** After all there is: elsewhere it could come between an option and its value. */
    private Element append(String name, Layout layout) {
        List<Element> lines = Elements.children(domain, NAMESPACE, "commandline");
        Element line = lines.isEmpty() ? create(domain, "commandline", prefix(), layout) : lines.get(lines.size() - 1);
        return create(line, name, line.getPrefix(), layout);
    }

    private static Element create(Element parent, String name, @Nullable String prefix, Layout layout) {
        Document document = parent.getOwnerDocument();
        Element element = document.createElementNS(NAMESPACE, prefix == null ? name : prefix + ":" + name);
        layout.append(parent, element);
        return element;
    }

    /** The prefix of QEMU's namespace on the root element; declared there if it is not, as libvirt itself does. */
    private String prefix() {
        String declared = domain.lookupPrefix(NAMESPACE);
        if (declared != null) {
            return declared;
        }
        String prefix = "qemu";
        for (int i = 1; domain.lookupNamespaceURI(prefix) != null; i++) {
            prefix = "qemu" + i;
        }
        domain.setAttributeNS(XMLConstants.XMLNS_ATTRIBUTE_NS_URI, "xmlns:" + prefix, NAMESPACE);
        return prefix;
    }

    private List<Element> all(String name) {
        var found = new ArrayList<Element>();
        for (Element line : Elements.children(domain, NAMESPACE, "commandline")) {
            found.addAll(Elements.children(line, NAMESPACE, name));
        }
        return found;
    }
}
