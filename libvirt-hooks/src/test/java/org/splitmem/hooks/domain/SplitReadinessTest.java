package org.splitmem.hooks.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class SplitReadinessTest {
    /** File of the corpus, then the elements that it must be refused for: from obstacles.txt. */
    static Stream<Arguments> obstacles() throws IOException {
        var table = new LinkedHashMap<String, List<String>>();
        List<String> elements = List.of();
        for (String line : Files.readAllLines(Corpus.RESOURCES.resolve("obstacles.txt"))) {
            if (line.startsWith(" ")) {
                elements.add(line.strip());
            } else if (!line.startsWith("#")) {
                elements = new ArrayList<>();
                table.put(line, elements);
            }
        }
        return table.entrySet().stream().map(row -> arguments(row.getKey(), row.getValue()));
    }

    @ParameterizedTest
    @MethodSource("obstacles")
    void everyObstacleIsNamedAndNothingElse(String file, List<String> elements) {
        List<Obstacle> obstacles = SplitReadiness.obstacles(Corpus.domain(file));

        assertThat(obstacles).extracting(Obstacle::element).containsExactlyElementsOf(elements);
    }

    @ParameterizedTest
    @MethodSource("obstacles")
    void everyObstacleHasAReasonAndARemedyOnOneLine(String file, List<String> elements) {
        List<Obstacle> obstacles = SplitReadiness.obstacles(Corpus.domain(file));

        assertThat(obstacles).allSatisfy(obstacle -> {
            assertThat(obstacle.reason()).isNotBlank().doesNotContain("\n");
            assertThat(obstacle.remedy()).isNotBlank().doesNotContain("\n");
        });
    }

    @Test
    void theTableHasEveryFile() throws IOException {
        Stream<String> inTable = obstacles().map(row -> (String) row.get()[0]);

        assertThat(inTable).containsExactlyInAnyOrderElementsOf(Corpus.names());
    }

    @Test
    void anObstacleReadsAsOneSentence() {
        Obstacle obstacle = SplitReadiness.obstacles(Corpus.domain("hostdevs")).get(0);

        assertThat(obstacle)
                .hasToString(
                        "devices/hostdev[1]: this pci device reaches guest RAM past QEMU's mapping, so none of its pages"
                                + " could ever move; detach the device, or use an emulated or virtio one");
    }

    /** File of the corpus, then the elements that its operator is warned of. */
    static Stream<Arguments> warnings() {
        return Stream.of(
                expect("live-q35-dump", "memtune/hard_limit"),
                expect("hugepages-locked", "memtune/hard_limit", "memtune/soft_limit"),
                expect("numa-two-cells", "numatune"),
                expect("nova-zed"),
                expect("minimal-one-line"));
    }

    @ParameterizedTest
    @MethodSource("warnings")
    void warningsNameTheirElement(String file, List<String> elements) {
        List<Warning> warnings = SplitReadiness.warnings(Corpus.domain(file));

        assertThat(warnings).extracting(Warning::element).containsExactlyElementsOf(elements);
    }

    @ParameterizedTest
    @CsvSource({
        "block, disk, none, '', devices/disk/driver/@cache",
        "file, disk, directsync, '', devices/disk/driver/@cache",
        "file, cdrom, none, <readonly/>, devices/disk/driver/@cache",
        "block, lun, writeback, '', devices/disk/@device",
        "volume, lun, none, '', devices/disk/@device",
        "block, disk, '', <shareable/>, devices/disk/shareable",
        "block, disk, default, <shareable/>, devices/disk/shareable",
        "block, disk, none, <shareable/>, devices/disk/driver/@cache",
        "block, disk, writethrough, <shareable/>, ''",
        "block, disk, '', <shareable/><readonly/>, ''",
        "file, disk, writeback, '', ''",
        "file, disk, writethrough, '', ''",
        "file, disk, default, '', ''",
        "file, disk, '', '', ''",
        "network, disk, none, '', ''",
        "network, disk, '', <shareable/>, ''"
    })
    void disksThatAreReadByDmaAreRefused(String type, String device, String cache, String more, String element) {
        var domain = DomainXml.parse(
                "<domain type='kvm'><memory>1024</memory><devices><disk type='" + type + "' device='" + device
                        + "'><driver name='qemu' cache='" + cache + "'/>" + more + "</disk></devices></domain>");

        assertThat(SplitReadiness.obstacles(domain))
                .extracting(Obstacle::element)
                .containsExactlyElementsOf(element.isEmpty() ? List.of() : List.of(element));
    }

    @Test
    void aDiskWithoutADriverIsCachedByQemu() {
        var domain = DomainXml.parse(
                "<domain type='kvm'><memory>1024</memory><devices><disk type='file'/></devices></domain>");

        assertThat(SplitReadiness.obstacles(domain)).isEmpty();
    }

    @Test
    void theRemedyForAnUncachedDiskIsACachedOne() {
        Obstacle obstacle = SplitReadiness.obstacles(Corpus.domain("ovirt")).get(1);

        assertThat(obstacle)
                .hasToString(
                        "devices/disk/driver/@cache: reads past the page cache write guest RAM by DMA, and dirty tracking"
                                + " does not see when their data arrive, so a migration could lose them; use cache='writeback'"
                                + " (or writethrough)");
    }

    @Test
    void elementsOfOtherNamespacesAreNotMistakenForDevices() {
        var domain = DomainXml.parse("<domain type='kvm'><name>x</name><memory>1</memory><devices>"
                + "<hostdev xmlns='urn:other' type='pci'/><o:memory xmlns:o='urn:other'/></devices></domain>");

        assertThat(SplitReadiness.obstacles(domain)).isEmpty();
    }

    /** QEMU's option, its value, and whether a domain with them can be split. */
    static Stream<Arguments> qemuArguments() {
        return Stream.of(
                arguments("-m", "8G", false),
                arguments("-numa", "node,memdev=m0", false),
                arguments("-realtime", "mlock=on", false),
                arguments("-overcommit", "mem-lock", false),
                arguments("-machine", "q35,accel=kvm", true),
                arguments("-M", "confidential-guest-support=sev0", false),
                arguments("-object", "sev-snp-guest,id=sev0", false),
                arguments("-object", "iothread,id=io9", true),
                arguments("-object", "{\"qom-type\":\"x-vfio-user-server\"}", false),
                arguments("-device", "vhost-vsock-pci,guest-cid=3", true),
                arguments("-device", "vhost-user-fs-pci,chardev=c", false),
                arguments("-device", "{\"driver\":\"virtio-balloon-pci\",\"free-page-reporting\": true}", true),
                arguments("-device", "virtio-balloon-pci,deflate-on-oom=on", true),
                arguments("-device", "virtio-balloon-pci", true),
                arguments("-device", "nvme,drive=d0", true),
                arguments("-device", ",", true),
                arguments("-device", "", true),
                arguments("-netdev", "vhost-vdpa,vhostdev=/dev/vhost-vdpa-0,id=n", false),
                arguments("-netdev", "{\"type\":\"vhost-user\",\"id\":\"n\"}", false),
                arguments("-blockdev", "driver=virtio-blk-vhost-user,node-name=b,path=/p", false),
                arguments("-blockdev", "driver=file,node-name=nvme0,filename=/p", true),
                arguments("-drive", "file=/p,if=none,id=d0,cache=none", false),
                arguments("-drive", "file=/p,if=none,id=d0,cache=off", false),
                arguments("-drive", "file=/p,if=none,id=d0,cache=writeback", true),
                arguments("-drive", "file=/p,if=none,id=d0,cache.direct=on", false),
                arguments("-blockdev", "driver=raw,node-name=d0,file.driver=file,file.cache.direct=on", false),
                arguments("-blockdev", "driver=file,node-name=d0,filename=/p,cache.direct=off", true),
                arguments("-blockdev", "{\"driver\":\"file\",\"filename\":\"/p\",\"cache\":{\"direct\": true}}", false),
                arguments("-blockdev", "{\"driver\":\"file\",\"filename\":\"/p\",\"cache\":{\"direct\":false}}", true),
                arguments("-device", "scsi-block,drive=d0", false),
                arguments("-device", "{\"driver\":\"scsi-generic\",\"drive\":\"d0\"}", false),
                arguments("-device", "scsi-hd,drive=d0", true),
                arguments("-fsdev", "local,id=f,path=/p,security_model=none", false),
                arguments("vfio-pci", "-no-such-thing", true));
    }

    @ParameterizedTest
    @MethodSource("qemuArguments")
    void argumentsPastLibvirtAreJudgedLikeElements(String option, String value, boolean splittable) {
        var domain = DomainXml.parse("<domain type='kvm' xmlns:q='" + QemuCommandLine.NAMESPACE + "'><name>x</name>"
                + "<memory>1024</memory><q:commandline><q:arg value='" + option + "'/><q:arg value='" + value
                + "'/></q:commandline></domain>");

        assertThat(SplitReadiness.obstacles(domain)).hasSize(splittable ? 0 : 1);
    }

    private static Arguments expect(String file, String... elements) {
        return arguments(file, List.of(elements));
    }
}
