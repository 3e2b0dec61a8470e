package org.splitmem.bridge.config;

import java.io.IOException;
import java.io.Reader;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import org.splitmem.bridge.daemon.HostAddress;
import org.splitmem.bridge.gate.AddressRange;
import org.splitmem.bridge.gate.GateServer;
import org.splitmem.bridge.keystone.KeystoneConfig;
import org.splitmem.bridge.policy.PolicyException;
import org.splitmem.bridge.policy.PolicyFile;
import org.splitmem.events.cloud.ContentMode;
import org.splitmem.events.publish.PublisherConfig;
import org.splitmem.model.config.ConfigException;
import org.splitmem.model.config.Settings;

/**
 * All settings of nova-bridge; conf/nova-bridge.conf explains each.
 *
 * @param name of this bridge, different from all others'
 * @param hosts that need not, or cannot, register
 * @param hostNetworks in which hosts may register; empty: in any
 * @param passwordFile of the Keystone user
 * @param placementUrl empty: as in Keystone's catalog
 * @param effective every key with the value in force
 */
public record BridgeConfig(
        String name,
        GateServer.Settings http,
        List<HostAddress> hosts,
        List<AddressRange> hostNetworks,
        Path clusterKeyFile,
        Duration daemonTimeout,
        KeystoneConfig keystone,
        Path passwordFile,
        String placementUrl,
        Duration placementTimeout,
        Nova nova,
        PolicySettings policy,
        Store store,
        Rhythm rhythm,
        Events events,
        String logLevel,
        Map<String, String> effective) {

    /**
     * How Nova is asked how the cloud is cut.
     *
     * @param url empty: as in Keystone's catalog
     * @param limitTenants whether projects with aggregates of their own are limited to them
     * @param defaultZone name of the availability zone of hosts that are in no other
     */
    public record Nova(String url, Duration limit, boolean limitTenants, String defaultZone) {}

    /**
     * Who may do what.
     *
     * @param file of rules that override the defaults; empty: there are none
     * @param service roles of services that may pass on a user's token that has ended since
     */
    public record PolicySettings(String file, Set<String> service) {
        public PolicySettings {
            service = Set.copyOf(service);
        }
    }

    /**
     * Where migrations are remembered.
     *
     * @param passwordFile empty: there is none
     */
    public record Store(String url, String user, String passwordFile, int connections) {}

    /**
     * How often what is looked at.
     *
     * @param lease how long a silent bridge keeps what it works on
     */
    public record Rhythm(Duration follow, Duration reconcile, Duration lease) {}

    /**
     * What is told, to the history and to Kafka.
     *
     * @param brokers empty: nothing to Kafka
     * @param propertiesFile further properties of Kafka's client; empty: none
     * @param maxWaiting how many events may wait for Kafka
     * @param interval between paging events of a VM, and at least between two that tell of a migration's progress
     * @param keep how long events stay in the history, and migrations that are over
     */
    public record Events(
            String brokers,
            String propertiesFile,
            int maxWaiting,
            ContentMode mode,
            Duration interval,
            Duration keep) {}

    private static final Set<String> LEVELS = Set.of("error", "warn", "info", "debug", "trace");
    private static final Map<String, ContentMode> MODES =
            Map.of("binary", ContentMode.BINARY, "structured", ContentMode.STRUCTURED);
    private static final Set<String> INTERFACES = Set.of("public", "internal", "admin");
    private static final int DEFAULT_DAEMON_PORT = 7779;

    public BridgeConfig {
        hosts = List.copyOf(hosts);
        hostNetworks = List.copyOf(hostNetworks);
        effective = Map.copyOf(effective);
    }

    /** @throws ConfigException naming what is wrong with the file */
    public static BridgeConfig load(Path file) throws ConfigException {
        return from(Settings.load(file));
    }

    static BridgeConfig parse(List<String> lines) throws ConfigException {
        return from(Settings.parse("nova-bridge.conf", lines));
    }

    private static BridgeConfig from(Settings s) throws ConfigException {
        BridgeConfig config = new BridgeConfig(
                s.text("bridge.name", hostName()),
                HttpSettings.from(s),
                hosts(s),
                HttpSettings.ranges(s, "hosts.networks"),
                s.path("cluster.key-file", "/etc/splitmem/cluster.key"),
                millis(s, "daemon.timeout-ms", 10_000),
                keystone(s),
                s.path("keystone.password-file", "/etc/splitmem/keystone.password"),
                url(s, "placement.url", ""),
                millis(s, "placement.timeout-ms", 15_000),
                nova(s),
                policy(s),
                new Store(
                        s.text(
                                "database.url",
                                "jdbc:h2:file:/var/lib/splitmem/bridge/history;MODE=MariaDB;DATABASE_TO_LOWER=TRUE"),
                        s.text("database.user", ""),
                        s.text("database.password-file", ""),
                        s.integer("database.connections", 24, 2, 200)),
                new Rhythm(
                        millis(s, "follow.interval-ms", 1000),
                        Duration.ofSeconds(s.integer("reconcile.interval-s", 30, 1, 3600)),
                        millis(s, "follow.lease-ms", 15_000)),
                events(s),
                level(s),
                Map.of());
        s.checkAllTaken();
        int tenants = config.http.limits().tenantThreads();
        if (config.store.connections() <= tenants) {
            // Or tenants could keep Nova waiting for the database.
            throw s.wrong(
                    "database.connections",
                    Integer.toString(config.store.connections()),
                    "more than http.tenant-threads, which is " + tenants);
        }
        return config.withEffective(s.effective());
    }

    private BridgeConfig withEffective(Map<String, String> values) {
        return new BridgeConfig(
                name,
                http,
                hosts,
                hostNetworks,
                clusterKeyFile,
                daemonTimeout,
                keystone,
                passwordFile,
                placementUrl,
                placementTimeout,
                nova,
                policy,
                store,
                rhythm,
                events,
                logLevel,
                values);
    }

    private static Nova nova(Settings s) throws ConfigException {
        return new Nova(
                url(s, "nova.url", ""),
                millis(s, "nova.timeout-ms", 15_000),
                flag(s, "nova.limit-tenants-to-aggregates"),
                s.text("nova.default-availability-zone", "nova"));
    }

    /** False by default. */
    private static boolean flag(Settings s, String key) throws ConfigException {
        String value = s.text(key, "false");
        if (!value.equals("true") && !value.equals("false")) {
            throw s.wrong(key, value, "true or false");
        }
        return value.equals("true");
    }

    private static KeystoneConfig keystone(Settings s) throws ConfigException {
        String interfaceName = s.text("keystone.interface", "internal");
        if (!INTERFACES.contains(interfaceName)) {
            throw s.wrong("keystone.interface", interfaceName, "one of " + INTERFACES);
        }
        return new KeystoneConfig(
                url(s, "keystone.url", "http://127.0.0.1:5000"),
                s.text("keystone.user", "nova-bridge"),
                s.text("keystone.user-domain", "Default"),
                "",
                s.text("keystone.project", "service"),
                s.text("keystone.project-domain", "Default"),
                s.text("keystone.region", ""),
                interfaceName,
                millis(s, "keystone.timeout-ms", 10_000));
    }

    private static Events events(Settings s) throws ConfigException {
        s.retired(
                "kafka.spool-directory",
                "events wait for Kafka in the database; what the directory still holds is sent by the version before"
                        + " alone, see CHANGELOG.md");
        String mode = s.text("kafka.mode", "binary");
        if (!MODES.containsKey(mode)) {
            throw s.wrong("kafka.mode", mode, "binary or structured");
        }
        return new Events(
                s.text("kafka.brokers", ""),
                s.text("kafka.properties-file", ""),
                s.integer("kafka.max-waiting", PublisherConfig.DEFAULT_MAX_WAITING, 1000, 10_000_000),
                MODES.getOrDefault(mode, ContentMode.BINARY),
                Duration.ofSeconds(s.integer("telemetry.interval-seconds", 10, 1, 3600)),
                Duration.ofDays(s.integer("events.keep-days", 30, 1, 3650)));
    }

    private static Duration millis(Settings s, String key, int otherwise) throws ConfigException {
        return Duration.ofMillis(s.integer(key, otherwise, 100, 600_000));
    }

    private static PolicySettings policy(Settings s) throws ConfigException {
        for (String retired : List.of("policy.read-roles", "policy.write-roles")) {
            s.retired(retired, "write a rule into policy.file instead; docs/BRIDGE-API.md lists the rules");
        }
        return new PolicySettings(s.text("policy.file", ""), new HashSet<>(s.list("policy.service-roles", "service")));
    }

    /** The policy's file; absent if there is none. @throws ConfigException naming the rule that is wrong */
    public Optional<PolicyFile> policyFile() throws ConfigException {
        if (policy.file().isEmpty()) {
            return Optional.empty();
        }
        try {
            return Optional.of(PolicyFile.load(Path.of(policy.file())));
        } catch (PolicyException e) {
            throw new ConfigException(String.valueOf(e.getMessage()));
        }
    }

    /** Without a slash at its end, and without Keystone's version. */
    private static String url(Settings s, String key, String otherwise) throws ConfigException {
        String value = s.text(key, otherwise).replaceAll("/+$", "").replaceAll("/v3$", "");
        boolean good = value.matches("https?://[^/\\s]+(/\\S*)?");
        if (!good && !(value.isEmpty() && otherwise.isEmpty())) {
            throw s.wrong(key, value, "a URL as http://controller:5000");
        }
        return value;
    }

    private static String level(Settings s) throws ConfigException {
        String level = s.text("log.level", "info");
        if (!LEVELS.contains(level)) {
            throw s.wrong("log.level", level, "one of " + LEVELS);
        }
        return level;
    }

    private static String hostName() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
        } catch (IOException e) {
            return "nova-bridge";
        }
    }

    private static List<HostAddress> hosts(Settings s) throws ConfigException {
        List<HostAddress> hosts = new ArrayList<>();
        Set<String> names = new HashSet<>();
        for (String item : s.list("hosts", "")) {
            HostAddress host = host(s, item);
            if (!names.add(host.name())) {
                throw s.wrong("hosts", item, "a list in which each name stands once");
            }
            hosts.add(host);
        }
        return hosts;
    }

    private static HostAddress host(Settings s, String item) throws ConfigException {
        int at = item.indexOf('@');
        int colon = item.lastIndexOf(':');
        boolean hasPort = colon > at && item.indexOf(':') == colon;
        String address = at < 0 ? "" : item.substring(at + 1, hasPort ? colon : item.length());
        String port = hasPort ? item.substring(colon + 1) : Integer.toString(DEFAULT_DAEMON_PORT);
        boolean good = at > 0
                && !address.isEmpty()
                && port.matches("[0-9]{1,5}")
                && Integer.parseInt(port) >= 1
                && Integer.parseInt(port) <= 65_535;
        if (!good) {
            throw s.wrong("hosts", item, "NAME@ADDRESS or NAME@ADDRESS:CONTROLPORT");
        }
        return new HostAddress(item.substring(0, at), address, Integer.parseInt(port));
    }

    /**
     * Keystone's settings with the password from its file.
     *
     * @throws ConfigException if it cannot be read
     */
    public KeystoneConfig keystoneWithPassword() throws ConfigException {
        return new KeystoneConfig(
                keystone.url(),
                keystone.userName(),
                keystone.userDomain(),
                secret("keystone.password-file", passwordFile),
                keystone.projectName(),
                keystone.projectDomain(),
                keystone.region(),
                keystone.interfaceName(),
                keystone.limit());
    }

    /**
     * The secret of the hosts.
     *
     * @throws ConfigException if it cannot be read
     */
    public String clusterKey() throws ConfigException {
        return secret("cluster.key-file", clusterKeyFile);
    }

    /**
     * What is added to the settings of Kafka's client; empty if there is no file. May hold secrets.
     *
     * @throws ConfigException if the file cannot be read
     */
    public Map<String, String> kafkaProperties() throws ConfigException {
        if (events.propertiesFile().isEmpty()) {
            return Map.of();
        }
        Properties properties = new Properties();
        try (Reader in = Files.newBufferedReader(Path.of(events.propertiesFile()))) {
            properties.load(in);
        } catch (IOException | IllegalArgumentException e) {
            throw new ConfigException("kafka.properties-file " + events.propertiesFile() + " cannot be read: " + e);
        }
        Map<String, String> all = new TreeMap<>();
        properties.stringPropertyNames().forEach(key -> all.put(key, properties.getProperty(key)));
        return all;
    }

    /**
     * Empty if there is none.
     *
     * @throws ConfigException if it cannot be read
     */
    public String databasePassword() throws ConfigException {
        return store.passwordFile().isEmpty() ? "" : secret("database.password-file", Path.of(store.passwordFile()));
    }

    private static String secret(String key, Path file) throws ConfigException {
        try {
            String secret = Files.readString(file).strip();
            if (secret.isEmpty()) {
                throw new ConfigException(key + " " + file + " is empty");
            }
            return secret;
        } catch (IOException e) {
            throw new ConfigException(key + " " + file + " cannot be read: " + e);
        }
    }

    /** Endpoints that are not looked for in Keystone's catalog, by type. */
    public Map<String, URI> endpoints() {
        Map<String, URI> endpoints = new TreeMap<>();
        if (!placementUrl.isEmpty()) {
            endpoints.put("placement", URI.create(placementUrl));
        }
        if (!nova.url().isEmpty()) {
            endpoints.put("compute", URI.create(nova.url()));
        }
        return endpoints;
    }
}
