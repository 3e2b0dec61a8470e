package org.splitmem.hooks.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.StringReader;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class DomainXmlTest {
    private static final long KIB = 1 << 10;
    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;

    static List<String> files() {
        return Corpus.names();
    }

    @ParameterizedTest
    @MethodSource("files")
    void writingGivesBackEverythingThatWasRead(String file) throws Exception {
        String text = Corpus.text(file);

        String written = DomainXml.parse(text).serialize();

        assertThat(dom(written).isEqualNode(dom(text))).as(written).isTrue();
    }

    @Test
    void charactersOutsideOfTheBasicPlaneSurvive() {
        String written = Corpus.domain("nova-2025-2-extra-specs").serialize();

        assertThat(DomainXml.parse(written).serialize()).isEqualTo(written);
        assertThat(dom(written).getElementsByTagName("nova:name").item(0).getTextContent())
                .isEqualTo("Datenbank-Köln-ß-数据库-🐘");
    }

    @Test
    void nameAndUuidAreRead() {
        DomainXml domain = Corpus.domain("virt-manager-uefi-tpm");

        assertThat(domain.name()).isEqualTo("win 11 – büro <test>");
        assertThat(domain.uuid()).contains(UUID.fromString("4dea22b3-1d52-d8f3-2516-782e98ab3fa0"));
        assertThat(Corpus.domain("minimal-one-line").uuid()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "5ac2fe0e-9f0c-4d6e-8a1b-4c7d2e3f4a5b",
        "5AC2FE0E-9F0C-4D6E-8A1B-4C7D2E3F4A5B",
        "5ac2fe0e9f0c4d6e8a1b4c7d2e3f4a5b",
        "'  5ac2fe0e-9f0c4d6e-8a1b4c7d2e3f4a5b '"
    })
    void uuidsAreReadAsLibvirtReadsThem(String text) {
        var domain = DomainXml.parse("<domain><uuid>" + text + "</uuid></domain>");

        assertThat(domain.uuid()).contains(UUID.fromString("5ac2fe0e-9f0c-4d6e-8a1b-4c7d2e3f4a5b"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "5ac2fe0e", "5ac2fe0e-9f0c-4d6e-8a1b-4c7d2e3f4a5g", "5ac2fe0e9f0c4d6e8a1b4c7d2e3f4a5b0"})
    void whatIsNoUuidIsRefused(String text) {
        var domain = DomainXml.parse("<domain><uuid>" + text + "</uuid></domain>");

        assertThatThrownBy(domain::uuid)
                .isInstanceOf(InvalidDomainXmlException.class)
                .hasMessage("uuid: '" + text + "' is not a uuid");
    }

    static Stream<Arguments> sizes() {
        return Stream.of(
                arguments("minimal-one-line", 512 * MIB, List.of(), List.of(512 * MIB)),
                arguments("nova-zed", 512 * GIB, List.of(), List.of(512 * GIB)),
                arguments("nova-2025-2-extra-specs", 1952 * GIB, List.of(), List.of(1952 * GIB)),
                arguments("hostdevs", 1024 * GIB, List.of(), List.of(1024 * GIB)),
                arguments("numa-two-cells", 32 * GIB, List.of(12 * GIB, 20 * GIB), List.of(12 * GIB, 20 * GIB)),
                // By id; the cell without memory has no backend; each is rounded up to whole MiB.
                arguments(
                        "numa-cells-out-of-order",
                        2048001 * KIB + 1464844 * KIB,
                        List.of(2048001 * KIB, 1464844 * KIB, 0L),
                        List.of(2001 * MIB, 1431 * MIB)),
                arguments("dimm-and-virtio-mem", 13 * GIB, List.of(8 * GIB), List.of(8 * GIB)),
                arguments("kubevirt", 8 * GIB, List.of(8 * GIB), List.of(8 * GIB)),
                arguments("balloon-rounding", 977 * MIB, List.of(), List.of(977 * MIB)),
                arguments("prefix-taken", 256 * MIB, List.of(), List.of(256 * MIB)));
    }

    @ParameterizedTest
    @MethodSource("sizes")
    void memoryIsReadAsQemuWillHaveIt(String file, long total, List<Long> cells, List<Long> backends) {
        DomainXml domain = Corpus.domain(file);

        assertThat(domain.memoryBytes()).isEqualTo(total);
        assertThat(domain.numaCellBytes()).isEqualTo(cells);
        assertThat(domain.ramBackendBytes()).isEqualTo(backends);
    }

    @Test
    void onPowerRamIsRoundedUpTo256MiB() {
        var domain = DomainXml.parse(
                "<domain><memory unit='MiB'>300</memory><os><type arch='ppc64le'>hvm</type></os></domain>");

        assertThat(domain.ramBackendBytes()).containsExactly(512 * MIB);
    }

    @Test
    void memoryThatIsNotThereIsRefused() {
        assertThatThrownBy(() -> DomainXml.parse("<domain/>").memoryBytes())
                .isInstanceOf(InvalidDomainXmlException.class)
                .hasMessage("not a complete domain: it has no <memory>");
        assertThatThrownBy(() -> DomainXml.parse("<domain/>").name()).hasMessageContaining("no <name>");
        assertThatThrownBy(() -> domainWithDimm("2", "2").ramBackendBytes()).hasMessageContaining("nothing is left");
        assertThatThrownBy(() ->
                        DomainXml.parse("<domain><memory>0</memory></domain>").ramBackendBytes())
                .hasMessageContaining("nothing is left");
    }

    @Test
    void memoryThatIsTooMuchTogetherIsRefused() {
        var domain = DomainXml.parse(
                "<domain><cpu><numa><cell memory='7' unit='E'/><cell memory='7' unit='E'/></numa></cpu></domain>");

        assertThatThrownBy(domain::memoryBytes)
                .isInstanceOf(InvalidDomainXmlException.class)
                .hasMessage("memory: all of it together is more than 2^63 - 1 bytes");
    }

    @Test
    void numaCellsWithTheSameIdOrNoNumberAreRefused() {
        assertThatThrownBy(() ->
                        cells("<cell id='1' memory='1'/><cell memory='1'/>").numaCellBytes())
                .hasMessage("cpu/numa/cell[2]: two NUMA cells with the id 1");
        assertThatThrownBy(() -> cells("<cell id='x' memory='1'/>").numaCellBytes())
                .hasMessage("cpu/numa/cell/@id: 'x' is not a number");
    }

    @Test
    void brokenXmlIsRefusedWithItsPlace() {
        assertThatThrownBy(() -> DomainXml.parse("<domain>\n  <name>x</nam>\n</domain>"))
                .isInstanceOf(InvalidDomainXmlException.class)
                .hasMessageStartingWith("domain XML, line 2, column 12: ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "   ",
                "not xml",
                "<domain",
                "<domain>",
                "<domain></domain><domain/>",
                "<domain>&nbsp;</domain>",
                "<domain>\u0000</domain>",
                "<domain>&#1;</domain>",
                "<q:domain/>",
                "<domain a='1' a='2'/>",
                "<domain>\ud800</domain>"
            })
    void whatIsNotWellFormedIsRefused(String text) {
        assertThatThrownBy(() -> DomainXml.parse(text))
                .isInstanceOf(InvalidDomainXmlException.class)
                .hasMessageStartingWith("domain XML");
    }

    @ParameterizedTest
    @MethodSource("files")
    void halfOfADomainIsRefused(String file) {
        String text = Corpus.text(file);

        assertThatThrownBy(() -> DomainXml.parse(text.substring(0, text.length() / 2)))
                .isInstanceOf(InvalidDomainXmlException.class);
    }

    /** The JDK would write it as another attribute, or as none. */
    @ParameterizedTest
    @ValueSource(strings = {"<domain xmlnsqemu='a'/>", "<domain><a><b xmlnsa:c='d' xmlns:xmlnsa='e'/></a></domain>"})
    void anAttributeThatWouldBeLostIsRefused(String text) {
        assertThatThrownBy(() -> DomainXml.parse(text))
                .isInstanceOf(InvalidDomainXmlException.class)
                .hasMessageContaining("has an attribute xmlns")
                .hasMessageContaining("remove it");
    }

    @Test
    void anotherRootIsRefused() {
        assertThatThrownBy(() -> DomainXml.parse("<network><name>x</name></network>"))
                .hasMessage("not a libvirt domain: the root element is <network>, not <domain>");
        assertThatThrownBy(() -> DomainXml.parse("<domain xmlns='urn:other'/>"))
                .hasMessageContaining("not a libvirt domain");
    }

    @Test
    void aDoctypeIsRefusedSoNothingOutsideIsReadAndNothingIsBlownUp() {
        List<String> hostile = List.of(
                "<!DOCTYPE domain [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain><name>&x;</name></domain>",
                "<!DOCTYPE domain SYSTEM 'http://127.0.0.1:1/domain.dtd'><domain/>",
                "<!DOCTYPE domain [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;]><domain/>",
                "<!DOCTYPE domain [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>"
                        + "<!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;'>]><domain><name>&d;</name></domain>",
                "<!DOCTYPE domain><domain/>");

        assertThat(hostile)
                .allSatisfy(text -> assertThatThrownBy(() -> DomainXml.parse(text))
                        .isInstanceOf(InvalidDomainXmlException.class)
                        .hasMessageContaining("DOCTYPE"));
    }

    @Test
    void includesAreNotFollowed() {
        var domain = DomainXml.parse("<domain xmlns:xi='http://www.w3.org/2001/XInclude'><name>"
                + "<xi:include href='/etc/passwd' parse='text'/>x</name></domain>");

        assertThat(domain.name()).isEqualTo("x");
    }

    @Test
    void tooLongATextIsRefusedBeforeItIsParsed() {
        String fits = "<domain><!--" + "x".repeat(DomainXml.MAX_BYTES - 24) + "--></domain>";
        String umlauts = "<domain><!--" + "ü".repeat(DomainXml.MAX_BYTES / 2) + "--></domain>";

        assertThat(fits).hasSize(DomainXml.MAX_BYTES);
        assertThat(DomainXml.parse(fits).uuid()).isEmpty();
        for (String tooLong : List.of(fits + " ", umlauts, "<".repeat(5 << 20))) {
            assertThatThrownBy(() -> DomainXml.parse(tooLong))
                    .isInstanceOf(InvalidDomainXmlException.class)
                    .hasMessage("domain XML: longer than 1048576 bytes");
        }
    }

    @Test
    void tooDeepATreeIsRefusedAndTheDeepestCanBeWritten() {
        String deepest = "<a>".repeat(255) + "</a>".repeat(255);

        assertThat(DomainXml.parse("<domain>" + deepest + "</domain>").serialize())
                .contains("<a>");
        for (int depth : List.of(256, 100_000)) {
            String tooDeep = "<domain>" + "<a>".repeat(depth) + "</a>".repeat(depth) + "</domain>";
            assertThatThrownBy(() -> DomainXml.parse(tooDeep)).isInstanceOf(InvalidDomainXmlException.class);
        }
    }

    private static DomainXml cells(String cells) {
        return DomainXml.parse("<domain><cpu><numa>" + cells + "</numa></cpu></domain>");
    }

    private static DomainXml domainWithDimm(String total, String dimm) {
        return DomainXml.parse(
                "<domain><memory unit='G'>" + total + "</memory><devices><memory model='dimm'><target><size unit='G'>"
                        + dimm + "</size></target></memory></devices></domain>");
    }

    private static Document dom(String xml) {
        try {
            Document document = DocumentBuilderFactory.newDefaultNSInstance()
                    .newDocumentBuilder()
                    .parse(new InputSource(new StringReader(xml)));
            return document;
        } catch (Exception e) {
            throw new AssertionError(xml, e);
        }
    }
}
