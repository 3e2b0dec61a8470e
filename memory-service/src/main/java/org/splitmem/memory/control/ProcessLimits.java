package org.splitmem.memory.control;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What the kernel, systemd and the JVM allow this process of what each VM takes, so that what is short is known at the start, and not when a
 * guest waits for it.
 *
 * @param files that may be open
 * @param threads that there may be
 * @param maps that its address space may have
 * @param heapBytes of the JVM
 */
record ProcessLimits(long files, long threads, long maps, long heapBytes) {
    /** What a host is made for; docs/OPERATIONS.md has what each takes, as ManyVmsTest measures it. */
    private static final int VMS = 200;

    private static final int SUB_HOSTS = 16;
    /** Of other hosts: page-ins, page-outs and streams. */
    private static final int CONNECTIONS = 4_096;

    private static final long FILES_IDLE = 100, FILES_OF_VM = 6, FILES_OF_SUB_HOST = 2, FILES_OF_STORE = 3;
    private static final long THREADS_IDLE = 40, THREADS_OF_VM = 4, THREADS_OF_SUB_HOST = 2;
    private static final long MAPS_IDLE = 300, MAPS_OF_THREAD = 2, MAPS_OF_VM = 3, MAPS_OF_STORE = 3;
    private static final long HEAP_IDLE = 32L << 20, HEAP_OF_VM = 192L << 10, HEAP_OF_SUB_HOST = 32L << 10;
    private static final long HEAP_OF_CONNECTION = 4L << 10;

    private static final Path CGROUPS = Path.of("/sys/fs/cgroup");
    /** Of such a file. */
    private static final int MOST_BYTES = 64;

    private static final long NONE = Long.MAX_VALUE;

    static ProcessLimits read() {
        return new ProcessLimits(
                openFiles(Path.of("/proc/self/limits")),
                Math.min(
                        Math.min(number("/proc/sys/kernel/threads-max"), number("/proc/sys/kernel/pid_max")),
                        tasks(Path.of("/proc/self/cgroup"))),
                number("/proc/sys/vm/max_map_count"),
                Runtime.getRuntime().maxMemory());
    }

    /** What is too low for all VMs and connections of a host, each with what to set. */
    List<String> shortages() {
        long neededThreads = THREADS_IDLE + VMS * (THREADS_OF_VM + SUB_HOSTS * THREADS_OF_SUB_HOST) + CONNECTIONS;
        long neededFiles =
                FILES_IDLE + VMS * (FILES_OF_VM + SUB_HOSTS * FILES_OF_SUB_HOST + FILES_OF_STORE) + CONNECTIONS;
        long neededMaps = MAPS_IDLE + MAPS_OF_THREAD * neededThreads + VMS * (MAPS_OF_VM + MAPS_OF_STORE);
        long neededHeap =
                HEAP_IDLE + VMS * (HEAP_OF_VM + SUB_HOSTS * HEAP_OF_SUB_HOST) + CONNECTIONS * HEAP_OF_CONNECTION;
        List<String> found = new ArrayList<>();
        add(found, "open files", files, neededFiles, "LimitNOFILE=65536 in splitmemd.service, or ulimit -n");
        add(
                found,
                "threads",
                threads,
                neededThreads,
                "TasksMax=16384 in splitmemd.service, kernel.threads-max and kernel.pid_max");
        add(found, "memory maps", maps, neededMaps, "sysctl vm.max_map_count=65530");
        add(found, "bytes of heap", heapBytes, neededHeap, "SPLITMEM_JAVA_OPTS=-Xmx256m");
        return found;
    }

    private static void add(List<String> to, String what, long is, long needed, String remedy) {
        if (is < needed) {
            to.add("it may have " + is + " " + what + "; " + VMS + " split VMs with " + SUB_HOSTS
                    + " sub-hosts each, and what other hosts ask for, may take " + needed + ": " + remedy);
        }
    }

    /** The soft limit, which is what counts. */
    static long openFiles(Path limits) {
        try {
            for (String line : Files.readAllLines(limits)) {
                if (line.startsWith("Max open files")) {
                    return parse(
                            line.substring("Max open files".length()).strip().split(" ", 2)[0]);
                }
            }
        } catch (IOException e) {
            return NONE; // then it is not known to be short
        }
        return NONE;
    }

    /** TasksMax of the unit: of this control group and of those around it, in the hierarchy that counts processes. */
    static long tasks(Path membership) {
        long least = NONE;
        try {
            for (String line : Files.readAllLines(membership)) {
                String[] parts = line.split(":", 3);
                boolean isUnified = parts.length == 3 && parts[1].isEmpty();
                if (isUnified || (parts.length == 3 && parts[1].equals("pids"))) {
                    least = Math.min(least, tasks(isUnified ? CGROUPS : CGROUPS.resolve("pids"), parts[2]));
                }
            }
        } catch (IOException e) {
            return NONE;
        }
        return least;
    }

    private static long tasks(Path hierarchy, String group) {
        long least = NONE;
        Path at = hierarchy.resolve(group.substring(1)).normalize();
        while (at != null && at.startsWith(hierarchy)) {
            least = Math.min(least, number(at.resolve("pids.max").toString()));
            at = at.getParent();
        }
        return least;
    }

    private static long number(String file) {
        // In one read: of a second one sysctl files give nothing, and readString begins with one byte.
        try (InputStream in = Files.newInputStream(Path.of(file))) {
            return parse(new String(in.readNBytes(MOST_BYTES), StandardCharsets.US_ASCII).strip());
        } catch (IOException e) {
            return NONE;
        }
    }

    /** "max" and "unlimited" are words for none. */
    private static long parse(String number) {
        try {
            return Long.parseLong(number);
        } catch (NumberFormatException e) {
            return NONE;
        }
    }
}
