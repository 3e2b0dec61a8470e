package org.splitmem.memory.sim.machine;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The files of all simulated hosts, by their absolute paths, which begin with the host's name. */
final class FileTree {
    private final Native memory;
    private final TreeMap<String, Entry> entries = new TreeMap<>();
    private long inodes = 100;

    /** What a name means: one of the three. */
    static final class Entry {
        final @Nullable FileNode file;
        final @Nullable Listener socket;
        final long madeMs;

        Entry(@Nullable FileNode file, @Nullable Listener socket, long madeMs) {
            this.file = file;
            this.socket = socket;
            this.madeMs = madeMs;
        }

        boolean isDirectory() {
            return file == null && socket == null;
        }
    }

    FileTree(Native memory) {
        this.memory = memory;
    }

    static String nameOf(Path path) {
        return path.toAbsolutePath().normalize().toString();
    }

    @Nullable
    Entry find(String name) {
        return entries.get(name);
    }

    FileNode make(String name, long nowMs) {
        FileNode file = new FileNode(memory, inodes++);
        entries.put(name, new Entry(file, null, nowMs));
        return file;
    }

    void bind(String name, Listener socket, long nowMs) {
        entries.put(name, new Entry(null, socket, nowMs));
    }

    void makeDirectory(String name, long nowMs) {
        entries.putIfAbsent(name, new Entry(null, null, nowMs));
    }

    @Nullable
    Entry remove(String name) {
        return entries.remove(name);
    }

    /** A file takes the name of another one, or a directory another name, with all that is in it. */
    void move(String from, String to) {
        Entry moved = entries.remove(from);
        if (moved == null) {
            return;
        }
        entries.put(to, moved);
        String prefix = from + "/";
        List<String> inside = entries.tailMap(prefix).keySet().stream()
                .takeWhile(name -> name.startsWith(prefix))
                .toList();
        inside.forEach(name -> entries.put(to + name.substring(from.length()), entries.remove(name)));
    }

    /** The names right below a directory. */
    List<String> list(String directory) {
        List<String> found = new ArrayList<>();
        String prefix = directory + "/";
        for (String name : entries.tailMap(prefix).keySet()) {
            if (!name.startsWith(prefix)) {
                break;
            }
            if (name.indexOf('/', prefix.length()) < 0) {
                found.add(name);
            }
        }
        return found;
    }

    /** All below a directory, which stays. */
    List<FileNode> files(String directory) {
        List<FileNode> found = new ArrayList<>();
        String prefix = directory + "/";
        for (var entry : entries.tailMap(prefix).entrySet()) {
            if (!entry.getKey().startsWith(prefix)) {
                break;
            }
            if (entry.getValue().file != null) {
                found.add(entry.getValue().file);
            }
        }
        return found;
    }

    /** As a reboot does to a tmpfs. */
    void wipe(String directory) {
        String prefix = directory + "/";
        entries.tailMap(prefix).keySet().removeIf(name -> name.startsWith(prefix));
    }
}
