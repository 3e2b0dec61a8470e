package org.splitmem.cli.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;

import com.sun.jna.NativeLibrary;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.splitmem.cli.migration.HypervisorException;
import org.splitmem.cli.migration.Route;

/** Against libvirt's test driver, which runs in this process and has one VM, "test". */
class LibvirtHypervisorTest {
    private static final String VM = "6695eb01-f6a4-8304-79aa-97f2502e193f";

    @BeforeAll
    static void requireLibvirt() {
        boolean installed;
        try {
            NativeLibrary.getInstance("virt");
            installed = true;
        } catch (UnsatisfiedLinkError e) {
            installed = false;
        }
        Assumptions.assumeTrue(installed, "libvirt's C library (libvirt0) is not installed");
    }

    @Test
    void findsAVmThatRuns() throws Exception {
        try (var hypervisor = LibvirtHypervisor.connect("test:///default")) {
            assertThatNoException().isThrownBy(() -> hypervisor.requireRunning(VM));
        }
    }

    @Test
    void saysWhichVmItDoesNotFind() throws Exception {
        try (var hypervisor = LibvirtHypervisor.connect("test:///default")) {
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> hypervisor.requireRunning("6d1f0000-0000-0000-0000-000000000001"))
                    .withMessageStartingWith("libvirt at test:///default: ")
                    .withMessageContaining("not found");
        }
    }

    @Test
    void passesOnWhyItCannotMigrate() throws Exception {
        try (var hypervisor = LibvirtHypervisor.connect("test:///default")) {
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> hypervisor.migrate(VM, new Route("h2", "test:///default", "tcp://127.0.0.1")))
                    .withMessageStartingWith("libvirt, migrating to h2 (test:///default): ")
                    .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
        }
    }

    @Test
    void saysWhichLibvirtIsNotThere() {
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> LibvirtHypervisor.connect("qemu+unix:///system?socket=/nowhere/libvirt-sock"))
                .withMessageStartingWith(
                        "cannot connect to libvirt at qemu+unix:///system?socket=/nowhere/libvirt-sock: ")
                .withMessageContaining("/nowhere/libvirt-sock");
    }
}
