package org.splitmem.memory.sim.machine;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/** {@link java.nio.channels.FileChannel} for simulated code, as far as a record is written durably with it. */
public final class SimFileChannel implements AutoCloseable {
    private final Path path;

    private SimFileChannel(Path path) {
        this.path = path;
    }

    public static SimFileChannel open(Path path, OpenOption... options) throws IOException {
        if (Arrays.asList(options).contains(StandardOpenOption.TRUNCATE_EXISTING)) {
            SimFiles.write(path, new byte[0]);
        }
        return new SimFileChannel(path);
    }

    public int write(ByteBuffer from) throws IOException {
        byte[] bytes = new byte[from.remaining()];
        from.get(bytes);
        SimFiles.append(path, bytes);
        return bytes.length;
    }

    public void force(boolean metaData) throws IOException {
        SimFiles.requireDisk(path);
    }

    @Override
    public void close() {}
}
