package org.splitmem.memory.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.FdPassing;
import org.splitmem.memory.shim.Hypervisor;
import org.splitmem.memory.shim.Qemu;

/** Starts {@link FakeQemu}s, and takes each process for the one that its environment names. All VMs are called "guest". */
public final class AnyProcess implements Hypervisor {
    private static final String VM = "SPLITMEM_VM=";

    @Override
    public @Nullable Qemu qemuOf(FdPassing.Peer process) throws IOException {
        String environment = Files.readString(Path.of("/proc/" + process.pid() + "/environ"), StandardCharsets.UTF_8);
        return Arrays.stream(environment.split("\0", -1))
                .filter(variable -> variable.startsWith(VM))
                .map(variable -> variable.substring(VM.length()))
                .findFirst()
                .map(vm -> new Qemu(UUID.fromString(vm), "guest", process.pid()))
                .orElse(null);
    }
}
