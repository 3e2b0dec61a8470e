package org.splitmem.hooks.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Element;

class SplitReadyTest {
    private static final UUID NEW_UUID = UUID.fromString("deadbeef-0000-4000-8000-000000000001");
    private static final ShimPaths ELSEWHERE = new ShimPaths(
            Path.of("/opt/sm/libsplitmem-shim-1.so"), Path.of("/srv/sm/shim.sock"), Path.of("/srv/sm/qmp"));

    static List<String> splittable() {
        return Corpus.splittable();
    }

    static List<String> unsplittable() {
        List<String> names = new ArrayList<>(Corpus.names());
        names.removeAll(Corpus.splittable());
        return names;
    }

    @ParameterizedTest
    @MethodSource("splittable")
    void whatWasMadeIsSplitReadyAndReadsBackTheSame(String file) {
        DomainXml made = make(Corpus.domain(file));
        DomainXml readBack = DomainXml.parse(made.serialize());

        assertThat(SplitReady.isSplitReady(made)).isTrue();
        assertThat(SplitReady.isMarked(made)).isTrue();
        assertThat(SplitReadiness.obstacles(made)).isEmpty();
        assertThat(SplitReady.isSplitReady(readBack)).isTrue();
        assertThat(readBack.serialize()).isEqualTo(made.serialize());
        assertThat(SplitReady.qmpSocket(made))
                .contains("/run/splitmem/qmp/" + made.uuid().orElseThrow() + ".sock");
        assertThat(SplitReady.shimVm(made)).isEqualTo(made.uuid());
    }

    @ParameterizedTest
    @MethodSource("splittable")
    void makingTwiceChangesNothingMore(String file) {
        DomainXml once = make(Corpus.domain(file));

        DomainXml twice = make(once);

        assertThat(twice.serialize()).isEqualTo(once.serialize());
    }

    @ParameterizedTest
    @MethodSource("splittable")
    void makingTwiceChangesNothingMoreAfterReadingBack(String file) {
        String once = make(Corpus.domain(file)).serialize();

        assertThat(make(DomainXml.parse(once)).serialize()).isEqualTo(once);
    }

    @ParameterizedTest
    @MethodSource("splittable")
    void everythingElseStaysAsItWas(String file) throws Exception {
        String made = make(Corpus.domain(file)).serialize();

        assertThat(Bystanders.of(made).isEqualNode(Bystanders.of(Corpus.text(file))))
                .as(made)
                .isTrue();
    }

    @ParameterizedTest
    @MethodSource("splittable")
    void makingLeavesItsArgumentAlone(String file) {
        DomainXml domain = Corpus.domain(file);
        String before = domain.serialize();

        make(domain);

        assertThat(domain.serialize()).isEqualTo(before);
    }

    @ParameterizedTest
    @MethodSource("unsplittable")
    void whatHasObstaclesIsNotMade(String file) {
        DomainXml domain = Corpus.domain(file);

        assertThatThrownBy(() -> make(domain))
                .isInstanceOfSatisfying(
                        NotSplittableException.class,
                        e -> assertThat(e.obstacles()).isEqualTo(SplitReadiness.obstacles(domain)))
                .hasMessageStartingWith("domain " + domain.name() + " cannot be split: ")
                .hasMessageNotContaining("\n");
    }

    @Test
    void whatIsSplitReadyAlreadyKeepsItsText() {
        DomainXml domain = Corpus.domain("split-ready");

        assertThat(SplitReady.isSplitReady(domain)).isTrue();
        assertThat(make(domain).serialize()).isEqualTo(domain.serialize());
    }

    @Test
    void theUuidIsGeneratedOnlyIfThereIsNone() {
        assertThat(make(Corpus.domain("minimal-one-line")).uuid()).contains(NEW_UUID);
        assertThat(SplitReady.make(Corpus.domain("minimal-one-line"), ShimPaths.INSTALLED)
                        .uuid())
                .isNotEmpty();
        assertThat(make(Corpus.domain("split-ready")).uuid())
                .isEqualTo(Corpus.domain("split-ready").uuid());
    }

    @Test
    void oneLineStaysOneLine() {
        String made = make(Corpus.domain("minimal-one-line")).serialize();

        assertThat(made.strip()).doesNotContain("\n").contains("<name>x1</name><uuid>" + NEW_UUID + "</uuid>");
    }

    @Test
    void newElementsAreIndentedLikeTheOthers() {
        String made = make(Corpus.domain("virt-manager-uefi-tpm")).serialize();

        assertThat(made).contains("""
                  <currentMemory>8388608</currentMemory>
                  <memoryBacking>
                    <access mode="shared"/>
                  </memoryBacking>
                """);
        assertThat(made).contains("""
                  <qemu:commandline>
                    <qemu:arg value="-chardev"/>
                    <qemu:arg value="socket,id=splitmem-qmp,path=/run/splitmem/qmp/4dea22b3-1d52-d8f3-2516-782e98ab3fa0.sock,server=on,wait=off"/>
                    <qemu:arg value="-mon"/>
                    <qemu:arg value="chardev=splitmem-qmp,mode=control"/>
                    <qemu:env name="LD_PRELOAD" value="/usr/lib/splitmem/libsplitmem-shim.so"/>
                    <qemu:env name="SPLITMEM_VM" value="4dea22b3-1d52-d8f3-2516-782e98ab3fa0"/>
                    <qemu:env name="SPLITMEM_SOCKET" value="/run/splitmem/shim.sock"/>
                  </qemu:commandline>
                </domain>""");
    }

    @Test
    void theBackingThatStockNovaDropsIsPutBack() {
        DomainXml dropped = Corpus.domain("nova-memory-backing-dropped");

        DomainXml adapted = SplitReady.adaptForThisHost(dropped, ShimPaths.INSTALLED);

        assertThat(SplitReady.isSplitReady(dropped)).isFalse();
        assertThat(SplitReady.isMarked(dropped)).isTrue();
        assertThat(SplitReady.isSplitReady(adapted)).isTrue();
        assertThat(adapted.serialize()).doesNotContain("/srv/other", "/opt/splitmem");
    }

    @Test
    void pathsAreThoseOfThisHost() {
        DomainXml adapted = SplitReady.adaptForThisHost(Corpus.domain("split-ready"), ELSEWHERE);

        assertThat(adapted.serialize())
                .contains("\"/opt/sm/libsplitmem-shim-1.so\"", "\"/srv/sm/shim.sock\"", "path=/srv/sm/qmp/0b5a2f0e")
                .doesNotContain("/run/splitmem", "/usr/lib/splitmem");
        assertThat(SplitReady.isSplitReady(adapted)).isTrue();
    }

    @Test
    void onlyMarkedDomainsAreAdapted() {
        assertThatThrownBy(() -> SplitReady.adaptForThisHost(Corpus.domain("nova-zed"), ShimPaths.INSTALLED))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("domain instance-0000002a is not meant to be split-ready");
    }

    @Test
    void anIncomingDomainIsNotGivenAUuid() {
        var marked = DomainXml.parse(Corpus.text("split-ready").replaceAll("<uuid>.*</uuid>", ""));

        assertThatThrownBy(() -> SplitReady.adaptForThisHost(marked, ShimPaths.INSTALLED))
                .isInstanceOf(InvalidDomainXmlException.class)
                .hasMessage("incoming domain big-1 has no uuid");
    }

    /** What an earlier version prepared, what a user may have written, and what is written now. */
    @ParameterizedTest
    @CsvSource({"memfd, MEMFD", "file, FILE", "'', NONE"})
    void aRunningVmKeepsItsSourceOfMemory(String type, MemorySource source) {
        DomainXml running = withSource(type);

        assertThat(SplitReady.isSplitReady(running)).isTrue();
        assertThat(sourceOf(SplitReady.adaptForThisHost(running, ELSEWHERE))).isEqualTo(type);
        assertThat(sourceOf(SplitReady.make(withSource(""), ELSEWHERE, source))).isEqualTo(type);
    }

    /** RAM of a named file is what every QEMU leaves out of a migration. */
    @ParameterizedTest
    @ValueSource(strings = {"memfd", "file", "anonymous"})
    void atItsNextStartADomainHasTheSourceOfAnyOther(String type) {
        DomainXml made = make(withSource(type));

        assertThat(made.serialize()).doesNotContain("<source").contains("<access mode=\"shared\"/>");
        assertThat(SplitReady.isSplitReady(made)).isTrue();
        assertThat(made.serialize()).isEqualTo(make(withSource("")).serialize());
    }

    private static DomainXml withSource(String type) {
        String source = type.isEmpty() ? "" : "\n    <source type='" + type + "'/>";
        return DomainXml.parse(Corpus.text("split-ready").replace("<memoryBacking>", "<memoryBacking>" + source));
    }

    private static String sourceOf(DomainXml domain) {
        Element source = Elements.first(domain.root(), "memoryBacking", "source");
        return source == null ? "" : source.getAttribute("type");
    }

    @Test
    void aCloneStopsAskingForTheRamOfItsOriginal() {
        DomainXml clone = Corpus.domain("split-ready-clone");

        DomainXml made = make(clone);

        assertThat(SplitReady.isSplitReady(clone)).isFalse();
        assertThat(made.serialize()).doesNotContain("0b5a2f0e-9f0c");
    }

    @Test
    void wrongPartsAreCorrectedInPlaceAndStrangersStay() {
        String made = make(Corpus.domain("split-ready-muddled")).serialize();

        assertThat(made).contains("""
                  <q:commandline xmlns:q="http://libvirt.org/schemas/domain/qemu/1.0">
                    <q:arg value="-chardev"/>
                    <q:arg value="socket,id=splitmem-qmp,path=/run/splitmem/qmp/5ac2fe0e-9f0c-4d6e-8a1b-4c7d2e3f4a5b.sock,server=on,wait=off"/>
                    <q:arg value="-name"/>
                    <q:arg value="guest=muddled,debug-threads=on"/>
                    <q:arg value="-device"/>
                    <q:arg value="pvpanic,id=splitmem-qmp"/>
                    <q:arg value="--mon"/>
                    <q:arg value="chardev=splitmem-qmp,mode=control"/>
                    <q:env name="SPLITMEM_VM" value="5ac2fe0e-9f0c-4d6e-8a1b-4c7d2e3f4a5b"/>
                    <q:env name="QEMU_AUDIO_DRV" value="none"/>
                    <q:env name="LD_PRELOAD" value="/usr/lib/splitmem/libsplitmem-shim.so"/>
                    <q:env name="SPLITMEM_EXIT_HOLD_MS" value="20000"/>
                    <q:env name="SPLITMEM_SOCKET" value="/run/splitmem/shim.sock"/>
                  </q:commandline>
                """);
        assertThat(made).contains("""
                  <memoryBacking>
                    <access mode="shared"/>
                    <allocation mode="ondemand"/>
                    <nosharepages/>
                  </memoryBacking>
                """);
    }

    @Test
    void aPrefixThatMeansSomethingElseIsNotUsed() {
        assertThat(make(Corpus.domain("prefix-taken")).serialize())
                .contains("xmlns:qemu=\"http://example.org/not-qemu\"", "<qemu1:arg value=\"-mon\"/>");
        assertThat(make(Corpus.domain("harmless-args-odd-prefixes")).serialize())
                .contains("<Q:env name=\"SPLITMEM_VM\"");
        assertThat(make(Corpus.domain("default-namespace-commandline")).serialize())
                .contains("<env name=\"SPLITMEM_VM\"");
    }

    @Test
    void aMentionInMetadataIsNoMark() {
        assertThat(SplitReady.isMarked(Corpus.domain("harmless-args-odd-prefixes")))
                .isFalse();
        assertThat(SplitReady.isMarked(Corpus.domain("virt-manager-uefi-tpm"))).isFalse();
    }

    /** Each takes one part away from a split-ready domain. */
    static List<String> losses() {
        return List.of(
                "<access mode='shared'/>|<source type='anonymous'/><access mode='shared'/>",
                "mode='shared'|mode='private'",
                "server=on|server=off",
                "wait=off|wait=on",
                "socket,id|file,id",
                "mode=control|mode=readline",
                "value='-mon'|value='-trace'",
                "LD_PRELOAD|LD_PRELOADED",
                "libsplitmem-shim.so|libother.so",
                "name='SPLITMEM_VM'|name='VM'",
                "name='SPLITMEM_SOCKET'|name='SOCKET'",
                "value='/run/splitmem/shim.sock'|value='shim.sock'",
                "qmp/0b5a2f0e|qmp/0b5a2f0f",
                "<uuid>0b5a2f0e|<uuid>0b5a2f0f",
                "<uuid>0b5a2f0e-9f0c-4d6e-8a1b-4c7d2e3f4a5b</uuid>|");
    }

    @ParameterizedTest
    @MethodSource("losses")
    void withoutAnyOfItsPartsADomainIsNotSplitReady(String loss) {
        String[] fromTo = loss.split("\\|", -1);
        String text = Corpus.text("split-ready");
        assertThat(text).contains(fromTo[0]);

        DomainXml damaged = DomainXml.parse(text.replace(fromTo[0], fromTo[1]));

        assertThat(SplitReady.isSplitReady(damaged)).isFalse();
    }

    private static DomainXml make(DomainXml domain) {
        return SplitReady.make(domain, ShimPaths.INSTALLED, MemorySource.NONE, () -> NEW_UUID);
    }
}
