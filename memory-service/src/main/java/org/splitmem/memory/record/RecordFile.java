package org.splitmem.memory.record;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.stream.Stream;
import org.splitmem.model.InvalidJsonException;
import org.splitmem.model.Json;

/** A JSON file that is there whole or not at all, whenever its daemon dies. Stateless. */
public final class RecordFile {
    private RecordFile() {}

    /** Replaces the file in one step. */
    public static void save(Path file, Object value) throws IOException {
        Path draft = file.resolveSibling(file.getFileName() + ".new");
        Files.write(draft, Json.writeBytes(value));
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /** @throws IOException naming the file if it cannot be read or understood */
    public static <T> T load(Path file, Class<T> type) throws IOException {
        try {
            return Json.read(Files.readAllBytes(file), type);
        } catch (InvalidJsonException e) {
            throw new IOException(file + " is damaged: " + e.getMessage(), e);
        }
    }

    /** Deletes a directory of files, with the record that may be among them. */
    public static void deleteDirectory(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Files.delete(file);
            }
        }
        Files.delete(directory);
    }
}
