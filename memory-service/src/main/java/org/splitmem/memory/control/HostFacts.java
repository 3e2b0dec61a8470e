package org.splitmem.memory.control;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What the kernel says of this host. Any thread. */
public final class HostFacts {
    private static final Path MEMINFO = Path.of("/proc/meminfo");

    private final String kernel;
    private final String version;

    public HostFacts() throws IOException {
        this.kernel = Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip();
        String packaged = HostFacts.class.getPackage().getImplementationVersion();
        this.version = packaged == null ? "development" : packaged;
    }

    String kernel() {
        return kernel;
    }

    public String version() {
        return version;
    }

    /** Bytes that could be given away without swapping, by the kernel's estimate (MemAvailable); 0 if it cannot be read. */
    public long availableBytes() {
        try {
            return availableBytes(Files.readAllLines(MEMINFO));
        } catch (IOException e) {
            return 0;
        }
    }

    static long availableBytes(List<String> meminfo) {
        for (String line : meminfo) {
            if (line.startsWith("MemAvailable:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
            }
        }
        return 0;
    }
}
