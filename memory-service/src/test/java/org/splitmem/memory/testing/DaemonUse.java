package org.splitmem.memory.testing;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;
import javax.management.MBeanServerConnection;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/**
 * What a daemon takes of what is limited, or what the limits are.
 *
 * @param heapBytes in use after a full collection
 * @param directBytes of direct buffers
 * @param anonymousBytes resident, without files: heap, stacks, and all that the JVM and malloc have
 */
public record DaemonUse(
        double threads, double heapBytes, double directBytes, double anonymousBytes, double descriptors, double maps) {

    public static DaemonUse of(InstalledDaemon daemon) throws IOException {
        Path proc = Path.of("/proc/" + daemon.pid());
        try (JMXConnector connector = connect(daemon)) {
            MBeanServerConnection jvm = connector.getMBeanServerConnection();
            MemoryMXBean memory = ManagementFactory.getPlatformMXBean(jvm, MemoryMXBean.class);
            memory.gc();
            memory.gc(); // direct memory of what the first has found to be garbage is freed a moment later
            return new DaemonUse(
                    status(proc, "Threads:"),
                    memory.getHeapMemoryUsage().getUsed(),
                    direct(jvm),
                    status(proc, "RssAnon:") * 1024,
                    count(proc.resolve("fd")),
                    lines(proc.resolve("maps")));
        }
    }

    /** As they are for a daemon that systemd starts with the unit of conf/, on a kernel as it comes. */
    public static DaemonUse limits(InstalledDaemon daemon, Path unit) throws IOException {
        try (JMXConnector connector = connect(daemon)) {
            MBeanServerConnection jvm = connector.getMBeanServerConnection();
            long heap = ManagementFactory.getPlatformMXBean(jvm, MemoryMXBean.class)
                    .getHeapMemoryUsage()
                    .getMax();
            String direct = ManagementFactory.getPlatformMXBean(jvm, HotSpotDiagnosticMXBean.class)
                    .getVMOption("MaxDirectMemorySize")
                    .getValue();
            return new DaemonUse(
                    setting(unit, "TasksMax="),
                    heap,
                    direct.equals("0") ? heap : Long.parseLong(direct),
                    Double.POSITIVE_INFINITY,
                    setting(unit, "LimitNOFILE="),
                    65_530);
        }
    }

    @SuppressWarnings("BanJNDI") // it is the test's own daemon that answers
    private static JMXConnector connect(InstalledDaemon daemon) throws IOException {
        return JMXConnectorFactory.connect(
                new JMXServiceURL("service:jmx:rmi:///jndi/rmi://127.0.0.1:" + daemon.managementPort() + "/jmxrmi"));
    }

    private static double direct(MBeanServerConnection jvm) throws IOException {
        return ManagementFactory.getPlatformMXBeans(jvm, BufferPoolMXBean.class).stream()
                .filter(pool -> pool.getName().equals("direct"))
                .mapToLong(BufferPoolMXBean::getMemoryUsed)
                .sum();
    }

    private static long status(Path proc, String key) throws IOException {
        return number(proc.resolve("status"), key);
    }

    private static long setting(Path unit, String key) throws IOException {
        return number(unit, key);
    }

    private static long number(Path file, String key) throws IOException {
        for (String line : Files.readAllLines(file)) {
            if (line.startsWith(key)) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new IOException("no " + key + " in " + file);
    }

    private static long count(Path directory) throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            return all.count();
        }
    }

    private static long lines(Path file) throws IOException {
        try (Stream<String> all = Files.lines(file, StandardCharsets.ISO_8859_1)) {
            return all.count();
        }
    }

    /** @return {@code this + other * factor} */
    public DaemonUse plus(DaemonUse other, double factor) {
        return new DaemonUse(
                threads + other.threads * factor,
                heapBytes + other.heapBytes * factor,
                directBytes + other.directBytes * factor,
                anonymousBytes + other.anonymousBytes * factor,
                descriptors + other.descriptors * factor,
                maps + other.maps * factor);
    }

    public DaemonUse minus(DaemonUse other) {
        return plus(other, -1);
    }

    public DaemonUse times(double factor) {
        return plus(this, factor - 1);
    }

    /** The same with a share of the heap. */
    public DaemonUse withHeap(double share) {
        return new DaemonUse(threads, heapBytes * share, directBytes, anonymousBytes, descriptors, maps);
    }

    /** What of a need that exceeds these limits; empty if nothing does. */
    public String exceededBy(DaemonUse need) {
        StringBuilder all = new StringBuilder();
        add(all, "threads", need.threads, threads);
        add(all, "heap", need.heapBytes, heapBytes);
        add(all, "direct memory", need.directBytes, directBytes);
        add(all, "descriptors", need.descriptors, descriptors);
        add(all, "maps", need.maps, maps);
        return all.toString();
    }

    private static void add(StringBuilder to, String what, double need, double limit) {
        if (need > limit) {
            to.append(String.format(Locale.ROOT, "%s: %.0f of %.0f; ", what, need, limit));
        }
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%.1f threads, heap %.1f KiB, direct %.1f KiB, anonymous RSS %.1f KiB, %.1f descriptors, %.1f maps",
                threads,
                heapBytes / 1024,
                directBytes / 1024,
                anonymousBytes / 1024,
                descriptors,
                maps);
    }
}
