package org.splitmem.bridge.store;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;

/** The hosts that have registered. Any thread. */
public final class HostStore {
    private final Database database;

    public HostStore(Database database) {
        this.database = database;
    }

    /**
     * A host as it is registered.
     *
     * @param sinceMs when it was first registered so
     * @param seenMs when it was registered last
     */
    public record Entry(RegisteredHost host, long sinceMs, long seenMs) {}

    /**
     * Registers a host, in place of what was registered under the same name, hypervisor or address.
     *
     * @return whether that is a change
     */
    public boolean put(RegisteredHost host, long nowMs) {
        database.update(
                "DELETE FROM hosts WHERE name <> ? AND (hypervisor = ? OR (address = ? AND control_port = ?))",
                host.name(),
                host.hypervisor(),
                host.address(),
                host.controlPort());
        if (touch(host, nowMs)) {
            return false;
        }
        if (!insert(host, nowMs) && !change(host, nowMs)) {
            insert(host, nowMs); // deleted in between
        }
        return true;
    }

    private boolean touch(RegisteredHost host, long nowMs) {
        return 1
                == database.update(
                        "UPDATE hosts SET seen_ms = ? WHERE name = ? AND hypervisor = ? AND address = ?"
                                + " AND control_port = ? AND data_port = ?",
                        nowMs,
                        host.name(),
                        host.hypervisor(),
                        host.address(),
                        host.controlPort(),
                        host.dataPort());
    }

    private boolean change(RegisteredHost host, long nowMs) {
        return 1
                == database.update(
                        "UPDATE hosts SET hypervisor = ?, address = ?, control_port = ?, data_port = ?, since_ms = ?,"
                                + " seen_ms = ? WHERE name = ?",
                        host.hypervisor(),
                        host.address(),
                        host.controlPort(),
                        host.dataPort(),
                        nowMs,
                        nowMs,
                        host.name());
    }

    private boolean insert(RegisteredHost host, long nowMs) {
        return database.insert(
                "INSERT INTO hosts (name, hypervisor, address, control_port, data_port, since_ms, seen_ms)"
                        + " VALUES (?, ?, ?, ?, ?, ?, ?)",
                host.name(),
                host.hypervisor(),
                host.address(),
                host.controlPort(),
                host.dataPort(),
                nowMs,
                nowMs);
    }

    /** @return false if it was not registered */
    public boolean delete(String name) {
        return database.update("DELETE FROM hosts WHERE name = ?", name) > 0;
    }

    /** By name. */
    public List<Entry> all() {
        return database.query("SELECT * FROM hosts ORDER BY name", HostStore::read);
    }

    private static Entry read(ResultSet row) throws SQLException {
        RegisteredHost host = new RegisteredHost(
                row.getString("name"),
                row.getString("hypervisor"),
                row.getString("address"),
                row.getInt("control_port"),
                row.getInt("data_port"));
        return new Entry(host, row.getLong("since_ms"), row.getLong("seen_ms"));
    }
}
