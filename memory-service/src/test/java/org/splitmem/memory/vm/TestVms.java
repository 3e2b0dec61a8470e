package org.splitmem.memory.vm;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.splitmem.memory.fault.Pager;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.shim.FakeShim;
import org.splitmem.memory.testing.MemoryDirectory;

/** VMs in any phase, without a QEMU. */
public final class TestVms {
    public static final UUID UUID_OF_VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");

    private TestVms() {}

    public static PagingConfig config() {
        return new PagingConfig(new Pager.Tuning(16, 16, 16, 7), 1024, 131_072, 2);
    }

    /** A host's VMs, in directories of the test: those of an earlier one are not taken up yet. */
    public static VmRegistry registry(MemoryDirectory directory) throws IOException {
        return new VmRegistry(
                directory.resolve("vms"),
                config(),
                directory.path(),
                new SplitDefinitions(directory.resolve("splits")));
    }

    public static VmRecord record(String name, VmRecord.Phase phase, long ramBytes) {
        List<Long> backends = ramBytes == 0 ? List.of() : List.of(ramBytes);
        return new VmRecord(UUID_OF_VM, name, phase, backends, 5, -1, List.of(), null, 0, null);
    }

    /** The same with RAM backends of these sizes. */
    public static VmRecord withBackends(VmRecord record, long... bytes) {
        return record.withBackendBytes(Arrays.stream(bytes).boxed().toList());
    }

    /** The same of another VM. */
    public static VmRecord withUuid(VmRecord like, UUID uuid) {
        return new VmRecord(
                uuid,
                like.name(),
                like.phase(),
                like.backendBytes(),
                like.epoch(),
                like.budgetBytes(),
                like.lenders(),
                like.source(),
                like.pid(),
                like.destination());
    }

    /** The same with memory servers. */
    public static VmRecord lentBy(VmRecord record, String... hosts) {
        return record.withLenders(Arrays.stream(hosts)
                .map(host -> new VmRecord.Lender(host, "127.0.0.1", 7780, "token", 64L << 20))
                .toList());
    }

    public static VmRecord withBudget(VmRecord record, long bytes) {
        return record.withBudget(bytes, 0);
    }

    public static VmRecord lentBy(VmRecord record, List<VmRecord.Lender> lenders) {
        return record.withLenders(lenders);
    }

    public static Vm vm(Path directory, VmRecord record) throws IOException {
        SplitDefinitions definitions = new SplitDefinitions(directory.resolve("splits"));
        return Vm.begin(directory, record, new VmContext(config(), directory, definitions, FaultPoints.NONE));
    }

    /** Its QEMU is connected, as far as the daemon can see. */
    public static Vm attached(Path directory, VmRecord record, FakeShim shim) throws IOException {
        Vm vm = vm(directory, record);
        vm.ready(shim.session());
        return vm;
    }

    /** A process has mapped its RAM, as far as its record says. */
    public static void mapped(Vm vm, int pid) throws IOException {
        vm.change(record -> record.withPid(pid));
    }
}
