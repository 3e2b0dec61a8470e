package org.splitmem.memory.record;

import static org.splitmem.memory.testing.Property.areEqual;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.testing.HeapUse;
import org.splitmem.memory.testing.MemoryDirectory;

/**
 * What every record on disk has to stand: whatever its file holds, it is refused with an IOException, or it can be used, and is the same after
 * it was written and read again. If the first byte is odd, the content gets its checksum. Files cost more than all else: what is refused, as
 * nearly each input is, comes into none.
 */
public final class RecordTarget {
    private static final long MOST_HEAP = 1 << 20;

    private final MemoryDirectory directory;

    /** What a daemon does with a record that it has read. */
    public interface Use<T> {
        void use(T value) throws Exception;
    }

    /** @param directory for the file */
    public RecordTarget(MemoryDirectory directory) {
        this.directory = directory;
        // Nearly each input is damaged, and a line for each would fill the disk.
        ((Logger) LoggerFactory.getLogger("org.splitmem")).setLevel(Level.OFF);
    }

    public Path file() {
        return directory.resolve("record.json");
    }

    /** Whether the file was renamed. */
    public boolean wasSetAside() {
        return Files.exists(directory.resolve("record.json.damaged"));
    }

    /**
     * Writes the file that these bytes stand for, if it can be read.
     *
     * @return false if it is refused: the file, if there is one, is of an earlier input then
     */
    public <T> boolean write(byte[] input, Class<T> type) throws IOException {
        byte[] content = content(input);
        try {
            RecordFile.decode(file(), content, type);
        } catch (IOException e) {
            return false;
        }
        Files.write(file(), content);
        return true;
    }

    public <T> void check(byte[] input, Class<T> type, Use<T> use) throws Exception {
        byte[] content = content(input);
        HeapUse.isAtMost(MOST_HEAP, () -> {
            T value;
            try {
                value = RecordFile.decode(file(), content, type);
            } catch (IOException e) {
                return;
            }
            use.use(value);
            RecordFile.save(file(), value);
            areEqual(RecordFile.load(file(), type), value);
        });
    }

    private static byte[] content(byte[] input) {
        if (input.length == 0) {
            return input;
        }
        byte[] json = Arrays.copyOfRange(input, 1, input.length);
        if ((input[0] & 1) == 0) {
            return json;
        }
        int end = 0;
        while (end < json.length && json[end] != '\n') {
            end++;
        }
        CRC32C crc = new CRC32C();
        crc.update(json, 0, end);
        byte[] sum = String.format("\ncrc32c %08x\n", (int) crc.getValue()).getBytes(StandardCharsets.US_ASCII);
        byte[] all = Arrays.copyOf(json, end + sum.length);
        System.arraycopy(sum, 0, all, end, sum.length);
        return all;
    }
}
