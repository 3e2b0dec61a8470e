package org.splitmem.bridge.store;

import com.fasterxml.jackson.core.type.TypeReference;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.splitmem.model.Json;

/** The VMs that were placed: whose they are, and how large. Daemons know neither. Any thread. */
public final class VmStore {
    private static final TypeReference<Map<String, Long>> AMOUNTS = new TypeReference<>() {};

    private final Database database;

    public VmStore(Database database) {
        this.database = database;
    }

    /** Keeps it, in place of what was kept of the same instance. */
    public void put(PlacedVm placed) {
        if (!update(placed) && !insert(placed)) {
            update(placed); // another bridge was faster with its insertion
        }
    }

    private boolean update(PlacedVm placed) {
        Vm vm = placed.vm();
        return 1
                == database.update(
                        "UPDATE vms SET name = ?, host = ?, ram_mb = ?, main_mb = ?, project_id = ?, user_id = ?,"
                                + " booking = ?, updated_ms = ?, start_awaited = ?, extra_specs = ? WHERE instance_uuid = ?",
                        vm.name(),
                        vm.host(),
                        vm.ramMb(),
                        vm.mainMb(),
                        vm.projectId(),
                        vm.userId(),
                        Json.write(placed.booking()),
                        placed.updatedMs(),
                        placed.startAwaited() ? 1 : 0,
                        Json.write(placed.extraSpecs()),
                        vm.instance().toString());
    }

    /** Another booking for a VM that was not placed anew since it was read; otherwise nothing. */
    public void rebook(PlacedVm read, Map<String, Long> booking) {
        database.update(
                "UPDATE vms SET booking = ? WHERE instance_uuid = ? AND updated_ms = ? AND host = ?",
                Json.write(booking),
                read.vm().instance().toString(),
                read.updatedMs(),
                read.vm().host());
    }

    /** A VM that was not placed anew since it was read has been seen to run as it was placed. */
    public void started(PlacedVm read) {
        database.update(
                "UPDATE vms SET start_awaited = 0 WHERE instance_uuid = ? AND updated_ms = ? AND host = ?",
                read.vm().instance().toString(),
                read.updatedMs(),
                read.vm().host());
    }

    private boolean insert(PlacedVm placed) {
        Vm vm = placed.vm();
        return database.insert(
                "INSERT INTO vms (instance_uuid, name, host, ram_mb, main_mb, project_id, user_id, booking, updated_ms,"
                        + " start_awaited, extra_specs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                vm.instance().toString(),
                vm.name(),
                vm.host(),
                vm.ramMb(),
                vm.mainMb(),
                vm.projectId(),
                vm.userId(),
                Json.write(placed.booking()),
                placed.updatedMs(),
                placed.startAwaited() ? 1 : 0,
                Json.write(placed.extraSpecs()));
    }

    /** Forgets a VM that was not placed anew since it was read; otherwise nothing. */
    public void forget(PlacedVm read) {
        database.update(
                "DELETE FROM vms WHERE instance_uuid = ? AND updated_ms = ? AND host = ?",
                read.vm().instance().toString(),
                read.updatedMs(),
                read.vm().host());
    }

    public void delete(UUID instance) {
        database.update("DELETE FROM vms WHERE instance_uuid = ?", instance.toString());
    }

    public Optional<PlacedVm> find(UUID instance) {
        return database.query("SELECT * FROM vms WHERE instance_uuid = ?", VmStore::read, instance.toString()).stream()
                .findFirst();
    }

    public List<PlacedVm> all() {
        return database.query("SELECT * FROM vms ORDER BY instance_uuid", VmStore::read);
    }

    private static PlacedVm read(ResultSet row) throws SQLException {
        Vm vm = new Vm(
                UUID.fromString(row.getString("instance_uuid")),
                row.getString("name"),
                row.getString("host"),
                row.getLong("ram_mb"),
                row.getLong("main_mb"),
                row.getString("project_id"),
                row.getString("user_id"));
        String specs = row.getString("extra_specs");
        return new PlacedVm(
                vm,
                MigrationStore.json(row.getString("booking"), AMOUNTS),
                row.getLong("updated_ms"),
                row.getInt("start_awaited") == 1,
                specs == null ? Map.of() : MigrationStore.json(specs, MigrationStore.TEXTS));
    }
}
