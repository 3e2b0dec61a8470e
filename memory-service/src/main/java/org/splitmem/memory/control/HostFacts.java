package org.splitmem.memory.control;

import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the kernel says of this host. Any thread. */
public final class HostFacts {
    private static final Path MEMINFO = Path.of("/proc/meminfo");
    private static final Path LOADAVG = Path.of("/proc/loadavg");
    private static final Path NETWORK = Path.of("/sys/class/net");

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

    /** Bytes of memory that the kernel manages; 0 if it cannot be read. */
    public long totalBytes() {
        try {
            return bytes(Files.readAllLines(MEMINFO), "MemTotal:");
        } catch (IOException e) {
            return 0;
        }
    }

    /** Runnable processes per CPU in the last minute, times 100; null if the kernel does not say. */
    @Nullable
    Integer loadPercent() {
        try {
            String oneMinute = Files.readString(LOADAVG).split(" ", 2)[0];
            return (int)
                    (Double.parseDouble(oneMinute) * 100 / Runtime.getRuntime().availableProcessors());
        } catch (IOException | NumberFormatException e) {
            return null;
        }
    }

    /** Speed of the network interface that has an address; null if it does not tell one, as virtual ones do. */
    @Nullable
    Long linkBytesPerSecond(String address) {
        try {
            NetworkInterface card =
                    address.isEmpty() ? null : NetworkInterface.getByInetAddress(InetAddress.getByName(address));
            if (card == null) {
                return null;
            }
            long megabits = Long.parseLong(
                    Files.readString(NETWORK.resolve(card.getName()).resolve("speed"))
                            .strip());
            return megabits > 0 ? megabits * 125_000 : null;
        } catch (IOException | NumberFormatException e) {
            return null;
        }
    }

    static long availableBytes(List<String> meminfo) {
        return bytes(meminfo, "MemAvailable:");
    }

    private static long bytes(List<String> meminfo, String key) {
        for (String line : meminfo) {
            if (line.startsWith(key)) {
                return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
            }
        }
        return 0;
    }
}
