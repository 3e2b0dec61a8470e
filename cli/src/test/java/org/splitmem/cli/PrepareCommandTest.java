package org.splitmem.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.hooks.domain.DomainXml;
import org.splitmem.hooks.domain.SplitReady;
import org.splitmem.model.Json;

class PrepareCommandTest {
    private static final String DOMAIN = """
            <domain type='kvm'>
              <name>vm1</name>
              <uuid>6d1f0000-0000-0000-0000-000000000001</uuid>
              <memory unit='MiB'>512</memory>
              <vcpu>1</vcpu>
              <os><type arch='x86_64' machine='q35'>hvm</type></os>
              <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices>
            </domain>
            """;

    private final Cli cli = new Cli();

    @TempDir
    private Path directory;

    @Test
    void readsStandardInputAndWritesStandardOutput() {
        cli.input = DOMAIN;

        assertThat(cli.run("prepare")).isZero();

        assertThat(SplitReady.isSplitReady(DomainXml.parse(cli.out()))).isTrue();
    }

    @Test
    void aFileMayBeReplacedByItsSplitReadySelf() throws IOException {
        Path file = Files.writeString(directory.resolve("vm1.xml"), DOMAIN);

        assertThat(cli.run("prepare", file.toString(), "-o", file.toString())).isZero();
        String once = Files.readString(file);
        assertThat(cli.run("prepare", file.toString(), "-o", file.toString())).isZero();

        assertThat(SplitReady.isSplitReady(DomainXml.parse(once))).isTrue();
        assertThat(Files.readString(file)).isEqualTo(once);
        assertThat(directory).isDirectoryContaining(path -> path.equals(file)).isDirectoryNotContaining("glob:**.part");
        assertThat(cli.out()).isEmpty();
    }

    @Test
    void thePathsOfTheHostMayDiffer() {
        cli.input = DOMAIN;

        assertThat(cli.run(
                        "prepare",
                        "--shim-library",
                        "/opt/libsplitmem-shim.so",
                        "--shim-socket",
                        "/opt/shim.sock",
                        "--qmp-directory",
                        "/opt/qmp"))
                .isZero();

        assertThat(cli.out())
                .contains(
                        "/opt/libsplitmem-shim.so",
                        "/opt/shim.sock",
                        "/opt/qmp/6d1f0000-0000-0000-0000-000000000001.sock");
    }

    @Test
    void aRunningVmKeepsItsSourceOfMemory() {
        cli.input = DOMAIN;

        assertThat(cli.run("prepare", "--memory-source", "memfd")).isZero();

        assertThat(cli.out()).contains("<source type=\"memfd\"/>");
    }

    @Test
    void aSourceThatLibvirtDoesNotKnowIsRefused() {
        cli.input = DOMAIN;

        assertThat(cli.run("prepare", "--memory-source", "anonymous")).isEqualTo(2);

        assertThat(cli.err()).contains("'anonymous' is not memfd, file or none");
    }

    @Test
    void whatCannotBeSplitIsRefusedByTheNameOfTheElement() {
        cli.input = DOMAIN.replace("</devices>", "<hostdev mode='subsystem' type='pci' managed='yes'/></devices>");

        assertThat(cli.run("prepare")).isEqualTo(1);

        assertThat(cli.err())
                .hasLineCount(1)
                .startsWith("splitmem: domain vm1 cannot be split: ")
                .contains("devices/hostdev");
        assertThat(cli.out()).isEmpty();
    }

    @Test
    void whatIsNotADomainIsRefused() {
        cli.input = "<network/>";

        assertThat(cli.run("prepare")).isEqualTo(1);
        assertThat(cli.run("prepare", "/nowhere/vm1.xml")).isEqualTo(1);

        assertThat(cli.err().lines()).hasSize(2).first().asString().contains("not a libvirt domain");
        assertThat(cli.err()).contains("no such file: /nowhere/vm1.xml");
    }

    @Test
    void programsGetTheXmlAndTheWarningsInOneRecord() throws IOException {
        cli.input = DOMAIN;

        assertThat(cli.run("prepare", "--json")).isZero();

        var record = Json.mapper().readTree(cli.out());
        assertThat(record.get("name").asText()).isEqualTo("vm1");
        assertThat(SplitReady.isSplitReady(DomainXml.parse(record.get("xml").asText())))
                .isTrue();
        assertThat(record.get("warnings").isArray()).isTrue();
    }
}
