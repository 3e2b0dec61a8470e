package org.splitmem.memory.operation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.record.RecordFile;

/**
 * The files in which operations outlive the daemon: one for each. No page depends on them: what is to be done with a VM says the VM's own
 * record. For one thread at a time.
 */
final class Journal {
    private static final Logger log = LoggerFactory.getLogger(Journal.class);
    private static final String SUFFIX = ".json";

    private final Path directory;

    /** If the directory cannot be made, the daemon serves its VMs nevertheless, and each write fails. */
    Journal(Path directory) {
        this.directory = directory;
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            log.error("there is no journal of operations: {} cannot be made: {}", directory, e.toString());
        }
    }

    /** Replaces what it says of an operation. */
    void write(OperationRecord record) throws IOException {
        RecordFile.save(directory.resolve(record.fileName()), record);
    }

    void remove(OperationRecord record) throws IOException {
        Files.deleteIfExists(directory.resolve(record.fileName()));
    }

    /** What it says. A file that is damaged is renamed, and named in the log: the others are read nevertheless. */
    List<OperationRecord> read() {
        List<OperationRecord> all = new ArrayList<>();
        for (Path file : files()) {
            try {
                all.add(load(file));
            } catch (IOException e) {
                setAside(file, e);
            }
        }
        return all;
    }

    private static OperationRecord load(Path file) throws IOException {
        OperationRecord record = RecordFile.load(file, OperationRecord.class);
        if (!file.endsWith(record.fileName())) {
            throw new IOException(file + " has the record of " + record);
        }
        return record;
    }

    private List<Path> files() {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().endsWith(SUFFIX))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            log.error(
                    "{} cannot be read: operations of an earlier splitmemd are not listed: {}",
                    directory,
                    e.toString());
            return List.of();
        }
    }

    private static void setAside(Path file, IOException why) {
        Path aside;
        try {
            aside = RecordFile.setAside(file);
        } catch (IOException e) {
            log.error("{}; it cannot be renamed either: {}", why.getMessage(), e.toString());
            return;
        }
        log.error(
                "{}; it was renamed to {}. What became of that operation is not listed; the VM's own record says what is still to be done",
                why.getMessage(),
                aside.getFileName());
    }
}
