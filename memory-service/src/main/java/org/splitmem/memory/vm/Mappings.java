package org.splitmem.memory.vm;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;

/** How one VM's QEMU has mapped its RAM: for each backend its address there and its userfaultfd. Guarded by its VM. */
final class Mappings {
    private final Map<Integer, QemuMemory.Mapping> byBackend = new TreeMap<>();
    private long promisedBytes;

    /** QEMU is to map that much in all, no more and no less; 0: it decides. */
    void promise(long bytes) {
        promisedBytes = bytes;
    }

    /** @throws IOException if this is not the RAM that was prepared, or with which the VM was split */
    void check(VmRecord record, int backend, long bytes) throws IOException {
        long expected = record.expectedBytes(backend);
        if (expected != 0 && expected != bytes) {
            throw new IOException("RAM backend " + backend + " has " + bytes + " B here, but " + expected + " B were "
                    + (promisedBytes > 0
                            ? "there when VM " + record.name() + " was split: " + remedy(record)
                            : "prepared: the domain XML differs from the source's"));
        }
        if (expected == 0 && promisedBytes > 0 && record.ramBytes() + bytes > promisedBytes) {
            throw new IOException("VM " + record.name() + " has more RAM than the " + promisedBytes
                    + " B with which it is to be split: " + remedy(record));
        }
    }

    private static String remedy(VmRecord record) {
        return "split it anew, or \"splitmem forget " + record.uuid() + "\"";
    }

    /** Of what was promised. */
    long missingBytes() {
        long mapped =
                byBackend.values().stream().mapToLong(QemuMemory.Mapping::bytes).sum();
        return Math.max(0, promisedBytes - mapped);
    }

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
        return byBackend.size() >= record.backendBytes().size() && missingBytes() == 0;
    }

    QemuMemory of(GuestMemory ram, int pid) {
        return new QemuMemory(ram, List.copyOf(byBackend.values()), pid);
    }

    void close() {
        byBackend.values().forEach(mapping -> mapping.uffd().close());
        byBackend.clear();
    }
}
