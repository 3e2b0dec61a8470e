package org.splitmem.hooks.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShimPathsTest {
    private static final Path LIBRARY = Path.of("/usr/lib/splitmem/libsplitmem-shim.so");
    private static final Path SOCKET = Path.of("/run/splitmem/shim.sock");
    private static final Path QMP = Path.of("/run/splitmem/qmp");

    @Test
    void everyVmHasItsQmpSocket() {
        UUID vm = UUID.fromString("5ac2fe0e-9f0c-4d6e-8a1b-4c7d2e3f4a5b");

        assertThat(ShimPaths.INSTALLED.qmpSocket(vm)).hasToString("/run/splitmem/qmp/" + vm + ".sock");
        assertThat(ShimPaths.INSTALLED).isEqualTo(new ShimPaths(LIBRARY, SOCKET, QMP));
    }

    @ParameterizedTest
    @ValueSource(strings = {"relative", "/with blank", "/with:colon", "/with,comma", "/with\nnewline", "/with\ttab"})
    void pathsThatQemuOrTheLoaderWouldSplitAreRefused(String path) {
        assertThatThrownBy(() -> new ShimPaths(Path.of(path + "/libsplitmem-shim.so"), SOCKET, QMP))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("shim library ");
        assertThatThrownBy(() -> new ShimPaths(LIBRARY, Path.of(path), QMP)).hasMessageStartingWith("shim socket ");
        assertThatThrownBy(() -> new ShimPaths(LIBRARY, SOCKET, Path.of(path)))
                .hasMessageStartingWith("QMP directory ");
    }

    @Test
    void aLibraryThatNobodyWouldRecogniseIsRefused() {
        assertThatThrownBy(() -> new ShimPaths(Path.of("/usr/lib/shim.so"), SOCKET, QMP))
                .hasMessage("shim library /usr/lib/shim.so: its file name has to start with libsplitmem-shim");
    }

    @Test
    void socketsThatTheKernelCannotAddressAreRefused() {
        Path longest = Path.of("/" + "x".repeat(106));
        Path longestDirectory = Path.of("/" + "x".repeat(64));

        assertThat(new ShimPaths(LIBRARY, longest, longestDirectory).shimSocket())
                .isEqualTo(longest);
        assertThatThrownBy(() -> new ShimPaths(LIBRARY, Path.of(longest + "x"), QMP))
                .hasMessageContaining("108 bytes, but a socket's path has at most 107");
        assertThatThrownBy(() -> new ShimPaths(LIBRARY, SOCKET, Path.of(longestDirectory + "x")))
                .hasMessageContaining("108 bytes");
    }
}
