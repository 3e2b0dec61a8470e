package org.splitmem.memory.config;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.PeerAddress;
import org.splitmem.model.PeerList;
import org.splitmem.model.config.ConfigException;
import org.splitmem.model.config.Settings;

/**
 * All settings of splitmemd; conf/splitmem.conf explains each.
 *
 * @param failureDomain hosts of the same one are likely to fail together; empty: this host is one by itself
 * @param controlAddress to bind control and data to; empty: this host serves itself alone
 * @param lendLimitBytes the most that may be lent to VMs elsewhere
 * @param guestLimitBytes the most RAM that split-ready VMs may take here; absent: what the host has, less a reserve
 * @param stateDirectory on a disk: what is to outlive the host
 * @param effective every key with the value in force
 */
public record DaemonConfig(
        String hostName,
        String failureDomain,
        Path controlSocket,
        String controlAddress,
        int controlPort,
        int dataPort,
        Path clusterKeyFile,
        List<PeerAddress> peers,
        Path memoryDirectory,
        long lendLimitBytes,
        @Nullable Long guestLimitBytes,
        Path stateDirectory,
        Path shimSocket,
        Path shimLibrary,
        List<String> shimUsers,
        Path libvirtState,
        Path qmpDirectory,
        String logLevel,
        Tuning tuning,
        Map<String, String> effective) {

    /** What tunes paging and migrations; the records that take these values check their ranges. */
    public record Tuning(
            int zeroFillPages,
            int readAheadPages,
            int mapAroundPages,
            int hotSkips,
            int samplePagesPerSecond,
            int pressurePagesPerSecond,
            int coldAge,
            int streams,
            long bandwidthBytesPerSecond,
            int sampleWindows,
            int sampleWindowMs,
            int stopPages,
            int maxRounds,
            int readySeconds,
            int switchoverSeconds,
            int handoverStallSeconds,
            int expectedSeconds) {
        private static Tuning from(Settings s) throws ConfigException {
            return new Tuning(
                    s.integer("pager.zero-fill-pages", 16, 1, 512),
                    s.integer("pager.read-ahead-pages", 16, 0, 256),
                    s.integer("pager.map-around-pages", 16, 1, 512),
                    s.integer("working-set.hot-skips", 7, 0, 7),
                    s.integer("working-set.sample-pages-per-second", 16_384, 0, 10_000_000),
                    s.integer("working-set.pressure-pages-per-second", 262_144, 1, 100_000_000),
                    s.integer("working-set.cold-age", 1, 1, 7),
                    s.integer("migration.streams", 4, 1, 64),
                    s.rate("migration.bandwidth", "off"),
                    s.integer("migration.sample-windows", 3, 1, 7),
                    s.integer("migration.sample-window-ms", 100, 1, 60_000),
                    s.integer("migration.stop-pages", 4096, 0, Integer.MAX_VALUE),
                    s.integer("migration.max-rounds", 8, 1, 1000),
                    s.integer("migration.ready-seconds", 3600, 1, 1_000_000),
                    s.integer("migration.switchover-seconds", 120, 1, 1_000_000),
                    s.integer("migration.handover-stall-seconds", 60, 1, 1_000_000),
                    s.integer("split.expected-seconds", 600, 1, 1_000_000));
        }
    }

    private static final String GUEST_LIMIT = "memory.guest-limit";
    private static final Set<String> LEVELS = Set.of("error", "warn", "info", "debug", "trace");
    private static final int DEFAULT_CONTROL_PORT = 7779;
    private static final String LOOPBACK = "127.0.0.1";
    private static final int DEFAULT_DATA_PORT = 7780;

    public DaemonConfig {
        peers = List.copyOf(peers);
        shimUsers = List.copyOf(shimUsers);
        effective = Map.copyOf(effective);
    }

    /** @throws ConfigException naming what is wrong with the file */
    public static DaemonConfig load(Path file) throws ConfigException {
        return from(Settings.load(file));
    }

    static DaemonConfig parse(List<String> lines) throws ConfigException {
        return from(Settings.parse("splitmem.conf", lines));
    }

    private static DaemonConfig from(Settings s) throws ConfigException {
        String hostName = s.text("host.name", localHostName());
        int controlPort = s.integer("control.port", DEFAULT_CONTROL_PORT, 1, 65_535);
        requireHostName(hostName);
        DaemonConfig config = new DaemonConfig(
                hostName,
                s.text("host.failure-domain", ""),
                s.path("control.socket", "/run/splitmem/splitmemd.sock"),
                s.text("control.address", ""),
                controlPort,
                s.integer("data.port", DEFAULT_DATA_PORT, 1, 65_535),
                s.path("cluster.key-file", "/etc/splitmem/cluster.key"),
                peers(s, hostName),
                s.path("memory.directory", "/var/lib/splitmem/mem"),
                s.bytes("memory.lend-limit", "0"),
                guestLimit(s),
                s.path("state.directory", "/var/lib/splitmem"),
                s.path("shim.socket", "/run/splitmem/shim.sock"),
                s.path("shim.library", "/usr/lib/splitmem/libsplitmem-shim.so"),
                s.list("shim.allowed-users", "root, libvirt-qemu"),
                s.path("libvirt.state-directory", "/run/libvirt/qemu"),
                s.path("qmp.directory", "/run/splitmem/qmp"),
                level(s),
                Tuning.from(s),
                Map.of());
        s.integer("hook.migrate-timeout", 86_400, 1, Integer.MAX_VALUE); // read by the hook script itself
        s.checkAllTaken();
        return config.withEffective(s.effective());
    }

    private DaemonConfig withEffective(Map<String, String> values) {
        return new DaemonConfig(
                hostName,
                failureDomain,
                controlSocket,
                controlAddress,
                controlPort,
                dataPort,
                clusterKeyFile,
                peers,
                memoryDirectory,
                lendLimitBytes,
                guestLimitBytes,
                stateDirectory,
                shimSocket,
                shimLibrary,
                shimUsers,
                libvirtState,
                qmpDirectory,
                logLevel,
                tuning,
                new TreeMap<>(values));
    }

    private static String localHostName() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
        } catch (IOException e) {
            return "localhost";
        }
    }

    private static @Nullable Long guestLimit(Settings s) throws ConfigException {
        return switch (s.text(GUEST_LIMIT, "auto")) {
            case "auto" -> null;
            case "off" -> Long.MAX_VALUE;
            default -> s.bytes(GUEST_LIMIT, "auto");
        };
    }

    private static String level(Settings s) throws ConfigException {
        String level = s.text("log.level", "info");
        if (!LEVELS.contains(level)) {
            throw s.wrong("log.level", level, "one of " + LEVELS);
        }
        return level;
    }

    /** The other hosts; this one may be listed too. */
    private static List<PeerAddress> peers(Settings s, String self) throws ConfigException {
        List<PeerAddress> peers = new ArrayList<>();
        for (String item : s.list("peers", "")) {
            peers.add(peer(s, item));
        }
        try {
            return new PeerList(peers)
                    .peers().stream().filter(peer -> !peer.name().equals(self)).toList();
        } catch (IllegalArgumentException e) {
            throw new ConfigException("splitmem.conf: peers: " + e.getMessage());
        }
    }

    private static void requireHostName(String name) throws ConfigException {
        try {
            new PeerAddress(name, LOOPBACK, DEFAULT_CONTROL_PORT);
        } catch (IllegalArgumentException e) {
            throw new ConfigException("splitmem.conf: host.name: " + e.getMessage());
        }
    }

    /** Where this host reaches its own control API. */
    public PeerAddress self() {
        return new PeerAddress(hostName, controlAddress.isEmpty() ? LOOPBACK : controlAddress, controlPort);
    }

    private static PeerAddress peer(Settings s, String item) throws ConfigException {
        int at = item.indexOf('@');
        int colon = item.lastIndexOf(':');
        boolean hasPort = colon > at && item.indexOf(':') == colon;
        String address = at < 0 ? "" : item.substring(at + 1, hasPort ? colon : item.length());
        if (at < 1 || address.isEmpty()) {
            throw s.wrong("peers", item, "NAME@ADDRESS or NAME@ADDRESS:CONTROLPORT");
        }
        try {
            int port = hasPort ? Integer.parseInt(item.substring(colon + 1)) : DEFAULT_CONTROL_PORT;
            return new PeerAddress(item.substring(0, at), address, port);
        } catch (NumberFormatException e) {
            throw s.wrong("peers", item, "NAME@ADDRESS:CONTROLPORT with a port from 1 to 65535");
        } catch (IllegalArgumentException e) {
            throw s.wrong("peers", item, "NAME@ADDRESS or NAME@ADDRESS:CONTROLPORT (" + e.getMessage() + ")");
        }
    }

    /** @throws ConfigException if the address to bind to is none of this host's */
    public InetAddress bindAddress() throws ConfigException {
        try {
            return InetAddress.getByName(controlAddress);
        } catch (UnknownHostException e) {
            throw new ConfigException("control.address = " + controlAddress + ": " + e.getMessage());
        }
    }

    /** The secret of the cluster. @throws ConfigException if it cannot be read or is too short to be one */
    public String clusterKey() throws ConfigException {
        try {
            String key = Files.readString(clusterKeyFile).strip();
            if (key.length() < 32) {
                throw new ConfigException(
                        "cluster.key-file " + clusterKeyFile + ": at least 32 characters are needed, it has "
                                + key.length() + "; make one with: openssl rand -hex 32");
            }
            return key;
        } catch (IOException e) {
            throw new ConfigException("cluster.key-file " + clusterKeyFile + " cannot be read: " + e);
        }
    }
}
