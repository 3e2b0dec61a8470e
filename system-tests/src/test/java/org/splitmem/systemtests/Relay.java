package org.splitmem.systemtests;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A {@link DamagingRelay} on h5 between h1, h2 and h3, all of whose connections to each other's daemons go through it until it is closed.
 * It has an address more for each of them, which the others take for that host's.
 */
final class Relay implements AutoCloseable {
    static final String AT = "h5";
    private static final List<String> BETWEEN = List.of("h1", "h2", "h3");

    private final Cluster cluster;
    private final Process process;
    private final Writer commands;
    private final BufferedReader answers;

    Relay(Cluster cluster, long seed) {
        this.cluster = cluster;
        BETWEEN.forEach(host -> address("add", host));
        try {
            process = new ProcessBuilder(cluster.inHost("exec", AT, program(seed)))
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        commands = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
        answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        answer();
        BETWEEN.forEach(this::leadThroughIt);
    }

    private static String[] program(long seed) {
        List<String> program = new ArrayList<>(List.of(
                System.getProperty("java.home") + "/bin/java",
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-cp",
                testClasses(),
                DamagingRelay.class.getName(),
                Long.toString(seed)));
        BETWEEN.forEach(host -> program.addAll(List.of(host, relayed(host), Cluster.address(host))));
        return program.toArray(String[]::new);
    }

    private static String testClasses() {
        try {
            return Path.of(DamagingRelay.class
                            .getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String relayed(String host) {
        return "10.78.0.10" + host.substring(1);
    }

    private void address(String how, String host) {
        cluster.exec(AT, "ip", "address", how, relayed(host) + "/24", "dev", "eth0");
    }

    /**
     * It connects to the others by the relay, and they to it: a host tells them its own address with a migration. So that is a name, which is
     * each host's own to resolve.
     */
    private void leadThroughIt(String host) {
        List<String> peers = new ArrayList<>(List.of("h4@" + Cluster.address("h4"), "h5@" + Cluster.address("h5")));
        StringBuilder names = new StringBuilder(Cluster.address(host) + " " + host + ".relayed\n");
        for (String other : BETWEEN) {
            if (!other.equals(host)) {
                peers.add(other + "@" + other + ".relayed");
                names.append(relayed(other)).append(' ').append(other).append(".relayed\n");
            }
        }
        Path hosts = hostNames(host);
        write(hosts, withoutRelay(hosts) + names);
        cluster.configure(host, "peers = " + String.join(", ", peers) + "\ncontrol.address = " + host + ".relayed");
    }

    private Path hostNames(String host) {
        return cluster.file("hosts/" + host + "/etc-hosts");
    }

    private static String withoutRelay(Path hosts) {
        StringBuilder kept = new StringBuilder();
        Cluster.read(hosts)
                .lines()
                .filter(line -> !line.endsWith(".relayed"))
                .forEach(line -> kept.append(line).append('\n'));
        return kept.toString();
    }

    /** In place: it is a mount point. */
    private static void write(Path hosts, String text) {
        try {
            Files.writeString(hosts, text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    // ---- what it does

    /** See {@link FrameDamage}. */
    void damage(String host, String role, String direction, String part, int oneIn) {
        command(String.join(" ", "damage", host, role, direction, part, Integer.toString(oneIn)));
    }

    void spare() {
        command("spare");
    }

    /** Nothing comes out any more of the connections that are open now, at either end, and nothing says so. */
    void swallow() {
        command("swallow");
    }

    /** Frames that were damaged, by {@link FrameDamage.Kind}. */
    Map<String, Integer> counts() {
        Map<String, Integer> counts = new TreeMap<>();
        for (String line : command("counts")) {
            int space = line.lastIndexOf(' ');
            counts.put(line.substring(0, space), Integer.valueOf(line.substring(space + 1)));
        }
        return counts;
    }

    private List<String> command(String line) {
        try {
            commands.write(line + "\n");
            commands.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return answer();
    }

    private List<String> answer() {
        List<String> lines = new ArrayList<>();
        try {
            for (String line = answers.readLine(); !".".equals(line); line = answers.readLine()) {
                if (line == null) {
                    throw new AssertionError("the relay has ended");
                }
                lines.add(line);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return lines;
    }

    /** The hosts are as before; VMs that have learned addresses from it must be gone. */
    @Override
    public void close() {
        process.destroyForcibly();
        for (String host : BETWEEN) {
            Path hosts = hostNames(host);
            if (Files.exists(hosts)) {
                write(hosts, withoutRelay(hosts));
                cluster.configure(host, "");
            }
            address("delete", host);
        }
    }
}
