package org.splitmem.memory.vm;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;

/** How one VM's QEMU has mapped its RAM: for each backend its address there and its userfaultfd. Guarded by its VM. */
final class Mappings {
    private final Map<Integer, QemuMemory.Mapping> byBackend = new TreeMap<>();

    /** Whether a backend of this QEMU is known, so that it is announced again after a broken connection. */
    boolean isKnown(VmRecord record, int pid, int backend, long hva) {
        QemuMemory.Mapping known = byBackend.get(backend);
        return known != null && record.pid() == pid && known.hva() == hva;
    }

    /** Its userfaultfd becomes this object's. */
    void put(int backend, QemuMemory.Mapping mapping) {
        byBackend.put(backend, mapping);
    }

    /** The record of a VM of which QEMU has mapped this, too. */
    static VmRecord noted(VmRecord record, int pid, int backend, long bytes) {
        List<Long> all = new ArrayList<>(record.backendBytes());
        if (backend >= all.size()) {
            all.add(bytes);
        }
        return record.withBackendBytes(all).withPid(pid);
    }

    boolean isComplete(VmRecord record) {
        return byBackend.size() >= record.backendBytes().size();
    }

    QemuMemory of(GuestMemory ram, int pid) {
        return new QemuMemory(ram, List.copyOf(byBackend.values()), pid);
    }

    void close() {
        byBackend.values().forEach(mapping -> mapping.uffd().close());
        byBackend.clear();
    }
}
