package org.splitmem.memory.vm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sockets of QEMUs' monitors. A QEMU that is killed leaves its own, and if its VM was freed before, as after a migration that was
 * given up, nobody else takes it away.
 */
final class MonitorSockets {
    private static final Logger log = LoggerFactory.getLogger(MonitorSockets.class);
    private static final String SUFFIX = ".sock";
    /** A QEMU that is just starting has made its socket, and may not listen yet. */
    private static final Duration YOUNG = Duration.ofSeconds(30);

    private final Path directory;

    MonitorSockets(Path directory) {
        this.directory = directory;
    }

    /** Removes those of VMs that are not known, and on which nobody listens. */
    void removeUnused(Predicate<UUID> known, Instant now) {
        try (Stream<Path> all = Files.list(directory)) {
            for (Path socket : (Iterable<Path>) all::iterator) {
                if (isUnknown(socket, known)
                        && Files.getLastModifiedTime(socket).toInstant().isBefore(now.minus(YOUNG))) {
                    VmFiles.deleteUnusedSocket(socket);
                }
            }
        } catch (IOException e) {
            log.debug("not every unused socket in {} could be removed: {}", directory, e.getMessage());
        }
    }

    private static boolean isUnknown(Path socket, Predicate<UUID> known) {
        String name = String.valueOf(socket.getFileName());
        if (!name.endsWith(SUFFIX)) {
            return false;
        }
        try {
            return !known.test(UUID.fromString(name.substring(0, name.length() - SUFFIX.length())));
        } catch (IllegalArgumentException notAVm) {
            return false;
        }
    }
}
