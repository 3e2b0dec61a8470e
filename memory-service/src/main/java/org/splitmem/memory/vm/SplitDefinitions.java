package org.splitmem.memory.vm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.record.RecordFile;

/**
 * The split definitions of this host's VMs, one file each. They outlive QEMU, the daemon and the host: a VM that ended while it
 * was split starts split again, or not at all.
 *
 * <p>Any thread. A write returns once it is on the disk.
 */
public final class SplitDefinitions {
    private static final Logger log = LoggerFactory.getLogger(SplitDefinitions.class);
    private static final String SUFFIX = ".json";

    private final Path directory;
    private final Map<UUID, SplitDefinition> all = new HashMap<>(); // guarded by this
    /** Files that cannot be understood, and why: such a VM must not start whole because of that. */
    private final Map<UUID, String> damaged = new HashMap<>(); // guarded by this

    /** Reads what earlier daemons kept. */
    public SplitDefinitions(Path directory) throws IOException {
        this.directory = directory;
        Files.createDirectories(directory);
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                read(file);
            }
        }
    }

    private void read(Path file) {
        String name = String.valueOf(file.getFileName());
        if (!name.endsWith(SUFFIX)) {
            return; // a draft that was not finished
        }
        UUID vm;
        try {
            vm = UUID.fromString(name.substring(0, name.length() - SUFFIX.length()));
        } catch (IllegalArgumentException e) {
            log.warn("{} is no split definition: its name is not a uuid", file);
            return;
        }
        try {
            SplitDefinition definition = RecordFile.load(file, SplitDefinition.class);
            if (!definition.vm().equals(vm)) {
                throw new IOException(file + " is damaged: it is of VM " + definition.vm());
            }
            all.put(vm, definition);
        } catch (IOException e) {
            log.error(
                    "vm={} does not start before its split definition is mended or forgotten: {}", vm, e.getMessage());
            damaged.put(vm, String.valueOf(e.getMessage()));
        }
    }

    private Path file(UUID vm) {
        return directory.resolve(vm + SUFFIX);
    }

    public synchronized List<SplitDefinition> all() {
        return List.copyOf(all.values());
    }

    /** @throws IOException if there is one that cannot be understood */
    public synchronized @Nullable SplitDefinition find(UUID vm) throws IOException {
        String trouble = damaged.get(vm);
        if (trouble != null) {
            throw new IOException(trouble + "; \"splitmem forget " + vm + "\" drops it");
        }
        return all.get(vm);
    }

    public synchronized void keep(SplitDefinition definition) throws IOException {
        if (definition.equals(all.get(definition.vm()))) {
            return;
        }
        RecordFile.saveDurably(file(definition.vm()), definition);
        damaged.remove(definition.vm());
        all.put(definition.vm(), definition);
    }

    /** @return false if there was none */
    public synchronized boolean forget(UUID vm) throws IOException {
        boolean known = all.containsKey(vm) || damaged.containsKey(vm);
        if (known) {
            Files.deleteIfExists(file(vm));
            all.remove(vm);
            damaged.remove(vm);
        }
        return known;
    }

    // ---- with the VM's record

    /**
     * A VM's record is about to change: what is kept of it changes with it.
     *
     * @throws IOException if a VM that runs here is to be split, or split otherwise, and that cannot be kept. Any other change must not
     *     fail for that: it is made up for by {@link #settle}
     */
    void follow(VmRecord before, VmRecord next) throws IOException {
        try {
            settle(next);
        } catch (IOException e) {
            boolean mayFail = (before.phase() == VmRecord.Phase.LOCAL && next.phase() == VmRecord.Phase.PAGED)
                    || before.budgetBytes() != next.budgetBytes();
            if (mayFail) {
                throw new IOException("its split definition cannot be kept: " + e.getMessage(), e);
            }
            log.error("vm={} its split definition is not up to date: {}", next.uuid(), e.getMessage());
        }
    }

    /** Keeps of a VM that is on this host what its record says. */
    public synchronized void settle(VmRecord record) throws IOException {
        SplitDefinition known = all.get(record.uuid());
        switch (record.phase()) {
            case PAGED -> {
                boolean begins = known != null
                        && known.lenders().equals(record.staying())
                        && record.ramBytes() < known.ramBytes(); // its QEMU is still mapping its RAM
                if (record.runsSplit() && !begins) {
                    keep(SplitDefinition.of(record));
                } else if (!record.runsSplit() && !begins) {
                    forget(record.uuid());
                }
            }
            case LOCAL, LEFT -> forget(record.uuid());
            case INCOMING, LEAVING -> {} // whose it is, is not decided
        }
    }
}
