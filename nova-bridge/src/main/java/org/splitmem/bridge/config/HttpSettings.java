package org.splitmem.bridge.config;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.splitmem.bridge.gate.AddressRange;
import org.splitmem.bridge.gate.GateServer;
import org.splitmem.bridge.gate.Limits;
import org.splitmem.model.config.ConfigException;
import org.splitmem.model.config.Settings;

/** The settings that begin with http. */
final class HttpSettings {
    private HttpSettings() {}

    static GateServer.Settings from(Settings s) throws ConfigException {
        int adminPort = s.integer("http.admin-port", 0, 0, 65_535);
        return new GateServer.Settings(
                s.text("http.address", "0.0.0.0"),
                s.integer("http.port", 8790, 1, 65_535),
                adminPort == 0 ? null : Integer.valueOf(adminPort),
                ranges(s, "http.proxies"),
                new Limits(
                        seconds(s, "http.idle-timeout-s", Limits.DEFAULT.idle()),
                        seconds(s, "http.body-timeout-s", Limits.DEFAULT.body()),
                        seconds(s, "http.answer-timeout-s", Limits.DEFAULT.answer()),
                        seconds(s, "http.request-timeout-s", Limits.DEFAULT.request()),
                        s.integer("http.connections", Limits.DEFAULT.connections(), 10, 100_000),
                        s.integer("http.project-requests", Limits.DEFAULT.projectRequests(), 1, 1000),
                        s.integer("http.project-connections", Limits.DEFAULT.projectConnections(), 1, 10_000),
                        s.integer("http.tenant-threads", Limits.DEFAULT.tenantThreads(), 1, 100)));
    }

    private static Duration seconds(Settings s, String key, Duration otherwise) throws ConfigException {
        return Duration.ofSeconds(s.integer(key, (int) otherwise.toSeconds(), 1, 600));
    }

    /** Empty by default. */
    static List<AddressRange> ranges(Settings s, String key) throws ConfigException {
        List<AddressRange> ranges = new ArrayList<>();
        for (String item : s.list(key, "")) {
            try {
                ranges.add(AddressRange.parse(item));
            } catch (IllegalArgumentException e) {
                throw s.wrong(key, item, "a list of addresses, or of ranges as 10.0.0.0/8");
            }
        }
        return ranges;
    }
}
