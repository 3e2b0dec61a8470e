package org.splitmem.memory.migration;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.MigrationInfo;

/** The last migrations from this host, those that go on among them. Any thread. */
final class RecentMigrations {
    private static final int REMEMBERED = 100;

    // Guarded by this.
    private final Deque<MigrationReport> reports = new ArrayDeque<>();

    synchronized void add(MigrationReport report) {
        reports.addFirst(report);
        while (reports.size() > REMEMBERED) {
            reports.removeLast();
        }
    }

    /** Newest first. */
    synchronized List<MigrationInfo> list() {
        return reports.stream().map(MigrationReport::info).toList();
    }

    /** The newest migration of a VM, if it is one that was aborted and whose own call of libvirt reaches its destination only now. */
    synchronized Optional<MigrationInfo> calledLate(UUID vm, String destination) {
        return newest(vm).filter(report -> report.isLateCall(destination)).map(MigrationReport::info);
    }

    synchronized Optional<MigrationReport> newest(UUID vm) {
        return reports.stream().filter(report -> report.isOf(vm)).findFirst();
    }

    Optional<MigrationInfo> find(@Nullable String id) {
        return list().stream().filter(info -> info.id().equals(id)).findFirst();
    }
}
