package org.splitmem.memory.sim.machine;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Stream;

/** {@link java.nio.file.Files} for simulated code. */
public final class SimFiles {
    private static final long DEVICE = 0x21;

    private SimFiles() {}

    private static Kernel enter() {
        Kernel kernel = Kernel.here();
        kernel.scheduler().point();
        return kernel;
    }

    private static FileTree.Entry entry(Path path) throws IOException {
        FileTree.Entry entry = enter().files().find(FileTree.nameOf(path));
        if (entry == null) {
            throw new NoSuchFileException(path.toString());
        }
        return entry;
    }

    private static FileNode file(Path path) throws IOException {
        FileNode file = entry(path).file;
        if (file == null) {
            throw new FileSystemException(path + ": no file");
        }
        return file;
    }

    /** @throws IOException if the host's disk fails */
    static void requireDisk(Path path) throws IOException {
        Kernel kernel = enter();
        SimHostOs host = Kernel.self().host();
        if (host.diskFails()) {
            kernel.scheduler().event("writing " + path + " fails");
            throw new FileSystemException(path + ": Input/output error");
        }
        if (!host.hasRoom(1)) {
            kernel.scheduler().event("there is no room for " + path);
            throw new FileSystemException(path + ": No space left on device");
        }
    }

    public static boolean exists(Path path, LinkOption... options) {
        return path.startsWith("/proc") || enter().files().find(FileTree.nameOf(path)) != null;
    }

    public static boolean isDirectory(Path path, LinkOption... options) {
        FileTree.Entry entry = enter().files().find(FileTree.nameOf(path));
        return entry != null && entry.isDirectory();
    }

    public static long size(Path path) throws IOException {
        return file(path).size();
    }

    public static Path createDirectories(Path path, FileAttribute<?>... attributes) throws IOException {
        Kernel kernel = enter();
        for (Path at = path.toAbsolutePath(); at != null; at = at.getParent()) {
            kernel.files().makeDirectory(FileTree.nameOf(at), kernel.scheduler().wallMs());
        }
        return path;
    }

    public static Stream<Path> list(Path directory) throws IOException {
        if (!entry(directory).isDirectory()) {
            throw new FileSystemException(directory + ": no directory");
        }
        return enter().files().list(FileTree.nameOf(directory)).stream().map(Path::of);
    }

    public static void delete(Path path) throws IOException {
        if (!deleteIfExists(path)) {
            throw new NoSuchFileException(path.toString());
        }
    }

    public static boolean deleteIfExists(Path path) throws IOException {
        FileTree files = enter().files();
        String name = FileTree.nameOf(path);
        if (!files.list(name).isEmpty()) {
            throw new DirectoryNotEmptyException(name);
        }
        return files.remove(name) != null;
    }

    public static Path move(Path from, Path to, CopyOption... options) throws IOException {
        requireDisk(to);
        entry(from);
        FileTree files = enter().files();
        boolean replaces = Arrays.asList(options).contains(StandardCopyOption.ATOMIC_MOVE);
        if (!replaces && files.find(FileTree.nameOf(to)) != null) {
            throw new FileAlreadyExistsException(to.toString());
        }
        files.move(FileTree.nameOf(from), FileTree.nameOf(to));
        return to;
    }

    public static Path write(Path path, byte[] bytes, OpenOption... options) throws IOException {
        Kernel kernel = enter();
        String name = FileTree.nameOf(path);
        FileTree.Entry entry = kernel.files().find(name);
        FileNode file = entry == null || entry.file == null
                ? kernel.files().make(name, kernel.scheduler().wallMs())
                : entry.file;
        file.truncate(0);
        requireDisk(path); // an error leaves less than there was
        file.write(0, ByteBuffer.wrap(bytes), 0, bytes.length);
        return path;
    }

    static void append(Path path, byte[] bytes) throws IOException {
        requireDisk(path);
        FileNode file = file(path);
        file.write(file.size(), ByteBuffer.wrap(bytes), 0, bytes.length);
    }

    public static byte[] readAllBytes(Path path) throws IOException {
        FileNode file = file(path);
        byte[] bytes = new byte[(int) file.size()];
        file.read(0, ByteBuffer.wrap(bytes), bytes.length);
        return bytes;
    }

    public static InputStream newInputStream(Path path, OpenOption... options) throws IOException {
        return new ByteArrayInputStream(readAllBytes(path));
    }

    public static String readString(Path path) throws IOException {
        return readString(path, StandardCharsets.UTF_8);
    }

    public static String readString(Path path, Charset charset) throws IOException {
        if (path.startsWith("/proc")) {
            SimProcess process = process(path);
            return process.pid() + " (sim) S" + " 0".repeat(18) + " " + process.pid() + " 0";
        }
        return new String(readAllBytes(path), charset);
    }

    private static SimProcess process(Path path) throws IOException {
        SimProcess process = enter().process(Integer.parseInt(path.getName(1).toString()));
        if (process == null || process.isDead()) {
            throw new NoSuchFileException(path.toString());
        }
        return process;
    }

    /** /proc/PID/maps. */
    public static BufferedReader newBufferedReader(Path path, Charset charset) throws IOException {
        SimProcess process = process(path);
        StringBuilder text = new StringBuilder();
        for (GuestRam ram : Kernel.here().ramOf(process)) {
            text.append(String.format(
                    "%x-%x rw-s 00000000 00:21 %d  /ram%n",
                    ram.address(), ram.address() + ram.bytes(), ram.file().inode()));
        }
        return new BufferedReader(new StringReader(text.toString()));
    }

    /** /proc/self/fd/NUMBER. */
    public static Path readSymbolicLink(Path path) throws IOException {
        OpenFile file = enter().file(Integer.parseInt(path.getFileName().toString()));
        return Path.of(file instanceof GuestRam.Userfault ? "anon_inode:[userfaultfd]" : "something else");
    }

    public static Object getAttribute(Path path, String name, LinkOption... options) throws IOException {
        FileNode file = file(path);
        return switch (name) {
            case "unix:dev" -> DEVICE;
            case "unix:ino" -> file.inode();
            default -> throw new UnsupportedOperationException(name);
        };
    }

    public static FileTime getLastModifiedTime(Path path, LinkOption... options) throws IOException {
        return FileTime.fromMillis(entry(path).madeMs);
    }

    public static Path setPosixFilePermissions(Path path, Set<PosixFilePermission> permissions) {
        return path;
    }
}
