package org.splitmem.hooks.domain;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.UUID;

/**
 * Where this host keeps what a split-ready QEMU needs.
 *
 * @param shimLibrary the shim; its file name starts with {@code libsplitmem-shim}, by which it is recognised in
 *     {@code LD_PRELOAD}
 * @param shimSocket the daemon's socket for shims
 * @param qmpDirectory where each QEMU listens with our own QMP monitor, on {@code <uuid>.sock}
 */
public record ShimPaths(Path shimLibrary, Path shimSocket, Path qmpDirectory) {
    /** The paths of the installed layout. */
    public static final ShimPaths INSTALLED = new ShimPaths(
            Path.of("/usr/lib/splitmem/libsplitmem-shim.so"),
            Path.of("/run/splitmem/shim.sock"),
            Path.of("/run/splitmem/qmp"));

    static final String LIBRARY_NAME = "libsplitmem-shim";

    /** sockaddr_un.sun_path holds 108 bytes, the last of which is NUL (linux/un.h). */
    private static final int MAX_SOCKET_PATH = 107;

    /** @throws IllegalArgumentException if a path cannot be written into the XML so that QEMU and ld.so read it back */
    public ShimPaths {
        requirePlain("shim library", shimLibrary);
        requirePlain("shim socket", shimSocket);
        requirePlain("QMP directory", qmpDirectory);
        if (!isShimLibrary(shimLibrary.toString())) {
            throw new IllegalArgumentException(
                    "shim library " + shimLibrary + ": its file name has to start with " + LIBRARY_NAME);
        }
        requireSocketLength(shimSocket);
        requireSocketLength(qmpSocket(qmpDirectory, new UUID(0, 0)));
    }

    /** Where the QEMU of this VM listens for us. */
    public Path qmpSocket(UUID vm) {
        return qmpSocket(qmpDirectory, vm);
    }

    private static Path qmpSocket(Path directory, UUID vm) {
        return directory.resolve(vm + ".sock");
    }

    static boolean isShimLibrary(String path) {
        return path.substring(path.lastIndexOf('/') + 1).startsWith(LIBRARY_NAME);
    }

    /** ld.so splits LD_PRELOAD at blanks and colons and has no escape for them; QEMU splits its options at commas. */
    private static void requirePlain(String what, Path path) {
        if (!path.isAbsolute()) {
            throw new IllegalArgumentException(what + " " + path + ": the path has to be absolute");
        }
        if (path.toString().chars().anyMatch(c -> c <= ' ' || c == ':' || c == ',' || c == 0x7f)) {
            throw new IllegalArgumentException(
                    what + " " + path + ": the path must not have a blank, a colon, a comma or a control character");
        }
    }

    private static void requireSocketLength(Path socket) {
        int bytes = socket.toString().getBytes(StandardCharsets.UTF_8).length;
        if (bytes > MAX_SOCKET_PATH) {
            throw new IllegalArgumentException(
                    "socket " + socket + ": " + bytes + " bytes, but a socket's path has at most " + MAX_SOCKET_PATH);
        }
    }
}
