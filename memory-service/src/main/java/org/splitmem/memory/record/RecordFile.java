package org.splitmem.memory.record;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
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

    /** The same, and when it returns the host may lose power. */
    public static void saveDurably(Path file, Object value) throws IOException {
        Path draft = file.resolveSibling(file.getFileName() + ".new");
        try (FileChannel channel = FileChannel.open(
                draft, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(Json.writeBytes(value));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
        Path directory = file.toAbsolutePath().getParent();
        if (directory != null) { // the new name, too
            try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
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
