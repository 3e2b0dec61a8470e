package org.splitmem.memory.record;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.model.InvalidJsonException;
import org.splitmem.model.Json;

/**
 * A JSON file that is there whole or not at all, whenever its daemon dies: a line of JSON, and one with its CRC32C, as
 * {@code crc32c 1a2b3c4d}. Files of earlier versions have no second line. Stateless.
 */
public final class RecordFile {
    private static final Logger log = LoggerFactory.getLogger(RecordFile.class);
    private static final String CHECKSUM = "crc32c ";
    private static final String DOOMED = ".doomed";
    private static final Pattern DOOMED_NAME =
            Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\.doomed\\d*");

    private RecordFile() {}

    /** Replaces the file in one step. */
    public static void save(Path file, Object value) throws IOException {
        Path draft = file.resolveSibling(file.getFileName() + ".new");
        try {
            Files.write(draft, bytesOf(value));
            Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) { // which names no file if there is no space left
            throw new IOException(file + " cannot be written: " + e.getMessage(), e);
        }
    }

    /** The same, and when it returns the host may lose power. */
    public static void saveDurably(Path file, Object value) throws IOException {
        Path draft = file.resolveSibling(file.getFileName() + ".new");
        try (FileChannel channel = FileChannel.open(
                draft, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(bytesOf(value));
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

    private static byte[] bytesOf(Object value) {
        byte[] json = Json.writeBytes(value);
        byte[] sum = ("\n" + CHECKSUM + checksum(json, json.length) + "\n").getBytes(StandardCharsets.US_ASCII);
        byte[] all = Arrays.copyOf(json, json.length + sum.length);
        System.arraycopy(sum, 0, all, json.length, sum.length);
        return all;
    }

    private static String checksum(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return HexFormat.of().toHexDigits((int) crc.getValue());
    }

    /** @throws IOException naming the file if it cannot be read or understood, or is not as it was written */
    public static <T> T load(Path file, Class<T> type) throws IOException {
        if (!Files.exists(file)) {
            throw new IOException(file + " is missing");
        }
        return decode(file, Files.readAllBytes(file), type);
    }

    /** @param file for the errors */
    static <T> T decode(Path file, byte[] all, Class<T> type) throws IOException {
        int end = 0;
        while (end < all.length && all[end] != '\n') {
            end++;
        }
        String sum = new String(all, end, all.length - end, StandardCharsets.US_ASCII).strip();
        if (!sum.isEmpty() && !sum.equals(CHECKSUM + checksum(all, end))) {
            throw new IOException(file + " is damaged: its checksum is not that of its content");
        }
        try {
            T value = Json.read(Arrays.copyOf(all, end), type);
            if (value instanceof Object[] elements && Arrays.asList(elements).contains(null)) {
                throw new IOException(file + " is damaged: an element is null");
            }
            return value;
        } catch (InvalidJsonException e) {
            throw new IOException(file + " is damaged: " + e.getMessage(), e);
        }
    }

    /**
     * A list of small things, none of which a guest's memory depends on: empty if there is no file. One that is damaged is set aside, so that
     * the daemon serves its VMs nevertheless.
     *
     * @param type of the list as an array
     * @param lost what the operator has to know if it was damaged
     * @throws IOException if it cannot be set aside either
     */
    public static <T> List<T> loadList(Path file, Class<T[]> type, String lost) throws IOException {
        if (!Files.exists(file)) {
            return List.of();
        }
        try {
            return List.of(load(file, type));
        } catch (IOException e) {
            Path aside = setAside(file);
            log.error("{}; it was renamed to {}. {}", e.getMessage(), aside.getFileName(), lost);
            return List.of();
        }
    }

    /** Renames a file that is damaged. @return its new name */
    public static Path setAside(Path file) throws IOException {
        Path aside = freeName(file, ".damaged");
        Files.move(file, aside);
        return aside;
    }

    /** Earlier ones are kept. */
    private static Path freeName(Path file, String suffix) {
        Path free = file.resolveSibling(file.getFileName() + suffix);
        for (int number = 2; Files.exists(free); number++) {
            free = file.resolveSibling(file.getFileName() + suffix + number);
        }
        return free;
    }

    /**
     * Deletes a directory that is called by a UUID, with its files, of which one may be its record. It goes by another name first, in one step: what a daemon leaves
     * that dies meanwhile {@link #finishDeletion} knows, and it is not taken for a directory that has lost some of its files. A file that cannot
     * be deleted after that is left to the next daemon, too.
     *
     * @throws IOException if it keeps its name: nothing is deleted then
     */
    public static void deleteDirectory(Path directory) throws IOException {
        Path doomed = freeName(directory, DOOMED);
        Files.move(directory, doomed, StandardCopyOption.ATOMIC_MOVE);
        try {
            deleteUnused(doomed);
        } catch (IOException e) {
            log.error("{} cannot be deleted, the next splitmemd tries it again: {}", doomed, e.toString());
        }
    }

    /** Deletes the rest of a directory that an earlier daemon was deleting. @return false if it is none of those */
    public static boolean finishDeletion(Path entry) throws IOException {
        if (!DOOMED_NAME.matcher(String.valueOf(entry.getFileName())).matches() || !Files.isDirectory(entry)) {
            return false;
        }
        deleteUnused(entry);
        return true;
    }

    /** Deletes a directory of files of which none is a record yet: there is nothing that would miss them. */
    public static void deleteUnused(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Files.delete(file);
            }
        }
        Files.delete(directory);
    }
}
