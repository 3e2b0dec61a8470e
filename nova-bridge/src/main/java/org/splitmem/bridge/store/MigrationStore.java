package org.splitmem.bridge.store;

import com.fasterxml.jackson.core.type.TypeReference;
import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.Json;

/**
 * The history of migrations, and who looks after those that run.
 *
 * <p>A bridge holds a lease on what it works on and renews it; when it dies the lease runs out and another takes over. The bridges' clocks have to
 * agree to some seconds. Any thread.
 */
public final class MigrationStore {
    static final TypeReference<Map<String, String>> TEXTS = new TypeReference<>() {};
    private static final TypeReference<Map<String, Long>> AMOUNTS = new TypeReference<>() {};

    private final Database database;
    private final String bridge;
    private final long leaseMs;

    /**
     * Works on the tables.
     *
     * @param bridge name of this one, different from all others'
     * @param leaseMs how long nobody else takes over what a bridge has not touched
     */
    public MigrationStore(Database database, String bridge, long leaseMs) {
        this.database = database;
        this.bridge = bridge;
        this.leaseMs = leaseMs;
    }

    /** Begins a migration in PLANNING. @return false if the instance has one that is not over */
    public boolean begin(Migration m) {
        return database.insert(
                "INSERT INTO migrations (id, instance_uuid, active_instance, name, source, destination, status, ram_mb,"
                        + " main_mb, project_id, user_id, extra_specs, source_side, target_side, progress, whole, was_split,"
                        + " abort_asked, created_ms, updated_ms, lease_owner, lease_until_ms, nova_migration_uuid, request_id)"
                        + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?)",
                m.id(),
                m.instance().toString(),
                m.instance().toString(),
                m.vm().name(),
                m.source(),
                m.destination(),
                m.status().word(),
                m.vm().ramMb(),
                m.vm().mainMb(),
                m.vm().projectId(),
                m.vm().userId(),
                Json.write(m.extraSpecs()),
                Json.write(m.sourceSide()),
                Json.write(m.targetSide()),
                Json.write(m.progress()),
                m.whole() ? 1 : 0,
                m.split() ? 1 : 0,
                m.createdMs(),
                m.createdMs(),
                bridge,
                m.createdMs() + leaseMs,
                m.novaMigration() == null ? null : m.novaMigration().toString(),
                m.requestId());
    }

    /** PLANNING to PLANNED. @return false if it is no longer PLANNING */
    public boolean planned(String id, Map<String, Long> targetSide, boolean whole, String summary, long nowMs) {
        return 1
                == database.update(
                        "UPDATE migrations SET status = 'planned', target_side = ?, whole = ?, reason = ?, updated_ms = ?"
                                + " WHERE id = ? AND status = 'planning'",
                        Json.write(targetSide),
                        whole ? 1 : 0,
                        summary,
                        nowMs,
                        id);
    }

    /** PLANNED to RUNNING, unless it is to be aborted: whoever gets true tells the daemon. */
    public boolean running(String id, long nowMs) {
        return 1
                == database.update(
                        "UPDATE migrations SET status = 'running', updated_ms = ?, lease_owner = ?, lease_until_ms = ?"
                                + " WHERE id = ? AND status = 'planned' AND abort_asked = 0",
                        nowMs,
                        bridge,
                        nowMs + leaseMs,
                        id);
    }

    /** The source's daemon has taken it, as its own {@code daemonId}. */
    public void taken(String id, String daemonId, Progress progress, long nowMs) {
        database.update(
                "UPDATE migrations SET daemon_id = ?, progress = ?, updated_ms = ? WHERE id = ? AND status = 'running'",
                daemonId,
                Json.write(progress),
                nowMs,
                id);
    }

    /** @param reason the daemon's; absent: none any more, also of what kept it from being followed */
    public void progress(String id, Progress progress, @Nullable String reason, long nowMs) {
        database.update(
                "UPDATE migrations SET progress = ?, reason = ?, updated_ms = ? WHERE id = ? AND status = 'running'",
                Json.write(progress),
                reason,
                nowMs,
                id);
    }

    /** Notes something that does not change the status, and is no news of the daemon: {@code updated_ms} stays. */
    public void note(String id, String reason) {
        database.update("UPDATE migrations SET reason = ? WHERE id = ? AND finished_ms IS NULL", reason, id);
    }

    public void abortAsked(String id) {
        database.update("UPDATE migrations SET abort_asked = 1 WHERE id = ? AND finished_ms IS NULL", id);
    }

    /** Ends it. @return false if its status was not {@code from}: somebody else has moved it */
    public boolean end(String id, Status from, Status to, @Nullable String reason, long nowMs) {
        return 1
                == database.update(
                        "UPDATE migrations SET status = ?, active_instance = NULL, reason = ?, updated_ms = ?,"
                                + " finished_ms = ? WHERE id = ? AND status = ?",
                        to.word(),
                        reason,
                        nowMs,
                        nowMs,
                        id,
                        from.word());
    }

    /** RUNNING to FAILED, though it may go on. @return false if it is no longer RUNNING */
    public boolean endUnheard(String id, String reason, long nowMs) {
        return 1
                == database.update(
                        "UPDATE migrations SET status = 'failed', active_instance = NULL, abort_asked = 1, reason = ?,"
                                + " updated_ms = ?, finished_ms = ? WHERE id = ? AND status = 'running'",
                        reason,
                        nowMs,
                        nowMs,
                        id);
    }

    /** A failed one is over at its source, too: nobody has to be told any more. */
    public void heardAgain(String id) {
        database.update("UPDATE migrations SET abort_asked = 0 WHERE id = ? AND status = 'failed'", id);
    }

    /** Takes or renews the lease. @return false if another bridge has it */
    public boolean lease(String id, long nowMs) {
        return 1
                == database.update(
                        "UPDATE migrations SET lease_owner = ?, lease_until_ms = ?"
                                + " WHERE id = ? AND finished_ms IS NULL AND (lease_owner = ? OR lease_until_ms < ?)",
                        bridge,
                        nowMs + leaseMs,
                        id,
                        bridge,
                        nowMs);
    }

    /** Forgets those that were over before that time. @return how many */
    public long forgetBefore(long ms) {
        long all = 0;
        for (Status status : Status.values()) {
            if (status.isOver()) {
                // The first two conditions follow from the third; they are what an index can look up.
                all += database.update(
                        "DELETE FROM migrations WHERE status = ? AND created_ms < ? AND finished_ms < ?"
                                + " AND NOT (status = 'failed' AND abort_asked = 1)", // see unheard()
                        status.word(),
                        ms,
                        ms);
            }
        }
        return all;
    }

    // ---- reading

    private static final String ALL = "SELECT * FROM migrations ";

    public Optional<Migration> find(String id) {
        return one(ALL + "WHERE id = ?", id);
    }

    /** The instance's migration that is not over. */
    public Optional<Migration> active(UUID instance) {
        return one(ALL + "WHERE active_instance = ?", instance.toString());
    }

    /** All that are not over, oldest first. */
    public List<Migration> active() {
        return database.query(ALL + "WHERE active_instance IS NOT NULL ORDER BY created_ms, id", MigrationStore::read);
    }

    /** Failed ones whose source has still to be told, oldest first. */
    public List<Migration> unheard() {
        return database.query(
                ALL + "WHERE status = 'failed' AND abort_asked = 1 ORDER BY created_ms, id", MigrationStore::read);
    }

    /**
     * Which ones are wanted; what is absent is not asked for.
     *
     * @param source host
     */
    public record Filter(
            @Nullable UUID instance,
            @Nullable Status status,
            @Nullable String source,
            @Nullable String project) {}

    /**
     * Newest first.
     *
     * @param after only those behind this one; absent: from the newest
     */
    public List<Migration> list(Filter filter, @Nullable Migration after, int most) {
        List<@Nullable Object> parameters = new ArrayList<>();
        StringBuilder where = new StringBuilder("WHERE 1 = 1");
        Map<String, @Nullable Object> equal = new LinkedHashMap<>();
        equal.put(
                "instance_uuid",
                filter.instance() == null ? null : filter.instance().toString());
        equal.put("status", filter.status() == null ? null : filter.status().word());
        equal.put("source", filter.source());
        equal.put("project_id", filter.project());
        equal.forEach((column, value) -> {
            if (value != null) {
                where.append(" AND ").append(column).append(" = ?");
                parameters.add(value);
            }
        });
        if (after != null) {
            where.append(" AND (created_ms < ? OR (created_ms = ? AND id > ?))");
            parameters.addAll(List.of(after.createdMs(), after.createdMs(), after.id()));
        }
        parameters.add(most);
        return database.query(
                ALL + where + " ORDER BY created_ms DESC, id LIMIT ?", MigrationStore::read, parameters.toArray());
    }

    private Optional<Migration> one(String sql, String parameter) {
        return database.query(sql, MigrationStore::read, parameter).stream().findFirst();
    }

    private static Migration read(ResultSet row) throws SQLException {
        Vm vm = new Vm(
                UUID.fromString(row.getString("instance_uuid")),
                row.getString("name"),
                row.getString("source"),
                row.getLong("ram_mb"),
                row.getLong("main_mb"),
                row.getString("project_id"),
                row.getString("user_id"));
        long finished = row.getLong("finished_ms");
        Long finishedMs = row.wasNull() ? null : finished;
        String novaMigration = row.getString("nova_migration_uuid");
        return new Migration(
                row.getString("id"),
                vm,
                row.getString("destination"),
                Status.of(row.getString("status")),
                json(row.getString("extra_specs"), TEXTS),
                json(row.getString("source_side"), AMOUNTS),
                json(row.getString("target_side"), AMOUNTS),
                row.getInt("whole") == 1,
                row.getInt("was_split") == 1,
                Json.read(row.getString("progress"), Progress.class),
                novaMigration == null ? null : UUID.fromString(novaMigration),
                row.getString("request_id"),
                row.getString("daemon_id"),
                row.getString("reason"),
                row.getInt("abort_asked") == 1,
                row.getLong("created_ms"),
                row.getLong("updated_ms"),
                finishedMs);
    }

    static <T> T json(String text, TypeReference<T> type) {
        return Json.read(text.getBytes(StandardCharsets.UTF_8), type);
    }
}
