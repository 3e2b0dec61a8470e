package org.splitmem.memory.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.opentest4j.TestAbortedException;

/** A directory on a tmpfs for each test, like the daemon's memory.directory; to be registered as an extension. */
public final class MemoryDirectory implements BeforeEachCallback, AfterEachCallback {
    private static final Path TMPFS = Path.of("/dev/shm");

    private Path path = TMPFS;

    @Override
    public void beforeEach(ExtensionContext context) throws IOException {
        FileStore store = Files.getFileStore(TMPFS);
        if (!store.type().equals("tmpfs")) {
            throw new TestAbortedException("/dev/shm is no tmpfs but " + store.type());
        }
        path = Files.createTempDirectory(TMPFS, "splitmem-test-");
    }

    /** Threads that the test has left may still write. */
    @Override
    public void afterEach(ExtensionContext context) throws Exception {
        Await.until("nobody writes to " + path + " any more", this::isDeleted);
    }

    private boolean isDeleted() {
        try {
            delete();
            return true;
        } catch (IOException | UncheckedIOException e) {
            return false;
        }
    }

    private void delete() throws IOException {
        try (Stream<Path> all = Files.walk(path)) {
            for (Path file : (Iterable<Path>) all.sorted(Comparator.reverseOrder())::iterator) {
                Files.deleteIfExists(file);
            }
        }
    }

    public Path path() {
        return path;
    }

    public Path resolve(String name) {
        return path.resolve(name);
    }

    /** Bytes that a file in it really takes up. */
    public static long allocatedBytes(Path file) throws IOException {
        Process stat = new ProcessBuilder("stat", "-c", "%b", file.toString())
                .redirectErrorStream(true)
                .start();
        String blocks =
                new String(stat.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8).strip();
        return Long.parseLong(blocks) * 512;
    }
}
