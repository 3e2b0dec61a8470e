package org.splitmem.hooks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.hooks.HookDecision.Ignore;
import org.splitmem.hooks.HookDecision.IncomingMigration;
import org.splitmem.hooks.HookDecision.Refuse;
import org.splitmem.hooks.HookDecision.Released;
import org.splitmem.hooks.HookDecision.Started;
import org.splitmem.hooks.HookDecision.Stopped;
import org.splitmem.hooks.domain.Corpus;
import org.splitmem.hooks.domain.DomainXml;
import org.splitmem.hooks.domain.InvalidDomainXmlException;
import org.splitmem.hooks.domain.ShimPaths;
import org.splitmem.hooks.domain.SplitReady;

class HookCallTest {
    private static final UUID BIG = UUID.fromString("0b5a2f0e-9f0c-4d6e-8a1b-4c7d2e3f4a5b");
    private static final UUID HANA = UUID.fromString("3f0c1a52-8b1e-4b8f-9a0e-6f1a54f2c9d1");
    private static final String READY = Corpus.text("split-ready");
    private static final String HOSTDEV = "<devices><hostdev mode='subsystem' type='pci'/>";

    @ParameterizedTest
    @CsvSource({
        "prepare, begin",
        "start, begin",
        "reconnect, begin",
        "attach, begin",
        "restore, begin",
        "migrate, end",
        "started, end",
        "stopped, begin",
        "release, begin",
        "'', ''"
    })
    void operationsThatTellNothingAreIgnored(String operation, String subOperation) {
        assertThat(decide(operation, subOperation, READY)).isEqualTo(new Ignore());
    }

    @ParameterizedTest
    @ValueSource(strings = {"nova-zed", "virt-manager-uefi-tpm", "harmless-args-odd-prefixes", "hostdevs", "lxc"})
    void domainsWithoutTheShimAreIgnored(String file) {
        assertThat(decide("migrate", "begin", Corpus.text(file))).isEqualTo(new Ignore());
        assertThat(decide("started", "begin", Corpus.text(file))).isEqualTo(new Ignore());
        assertThat(decide("stopped", "end", Corpus.text(file))).isEqualTo(new Ignore());
    }

    @Test
    void aPlainDomainIsNotEvenParsed() {
        assertThat(decide("migrate", "begin", "<domain")).isEqualTo(new Ignore());
    }

    @Test
    void anIncomingVmIsAdaptedAndItsBackendsAreCounted() {
        var decision = (IncomingMigration) decide("migrate", "begin", Corpus.text("nova-memory-backing-dropped"));

        assertThat(decision.uuid()).isEqualTo(HANA);
        assertThat(decision.name()).isEqualTo("instance-0000002a");
        assertThat(decision.backends()).isEqualTo(List.of(512L << 30));
        assertThat(SplitReady.isSplitReady(DomainXml.parse(decision.xml()))).isTrue();
        assertThat(decision.xml()).contains("/run/splitmem/shim.sock").doesNotContain("/srv/other");
    }

    @Test
    void anIncomingVmThatIsMarkedByTheLibraryAloneIsAdaptedToo() {
        var decision = decide("migrate", "begin", READY.replaceAll("<qemu:env name='SPLITMEM_VM'.*/>", ""));

        assertThat(decision).isInstanceOf(IncomingMigration.class);
    }

    @Test
    void aStartedVmIsTakenOver() {
        assertThat(decide("started", "begin", READY))
                .isEqualTo(new Started(BIG, "big-1", "/run/splitmem/qmp/" + BIG + ".sock", List.of(16L << 30)));
    }

    @Test
    void theEndOfAVmIsToldTwice() {
        assertThat(decide("stopped", "end", READY)).isEqualTo(new Stopped(BIG));
        assertThat(decide("release", "end", READY)).isEqualTo(new Released(BIG));
    }

    @Test
    void theEndIsToldWhateverTheDomainLooksLike() {
        String damaged = READY.replace("shared", "private").replace("<devices>", HOSTDEV);

        assertThat(decide("stopped", "end", damaged)).isEqualTo(new Stopped(BIG));
    }

    @ParameterizedTest
    @CsvSource({"migrate", "started"})
    void obstaclesAreRefusedWithTheirReason(String operation) {
        var decision = (Refuse) decide(operation, "begin", READY.replace("<devices>", HOSTDEV));

        assertThat(decision.reason())
                .startsWith("domain big-1 cannot be split: devices/hostdev: this pci device reaches guest RAM")
                .doesNotContain("\n");
    }

    @ParameterizedTest
    @CsvSource({"migrate", "started"})
    void aCloneIsRefusedBecauseItWouldTakeTheRamOfItsOriginal(String operation) {
        var decision = (Refuse) decide(operation, "begin", Corpus.text("split-ready-clone"));

        assertThat(decision.reason())
                .isEqualTo(
                        "domain big-1 has the uuid 77777777-9f0c-4d6e-8a1b-4c7d2e3f4a5b, but its SPLITMEM_VM is that of "
                                + BIG + "; run: splitmem prepare big-1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"shared", "-mon", "SPLITMEM_SOCKET", "SPLITMEM_VM"})
    void aVmThatWasStartedWithoutAllPartsIsRefused(String part) {
        var decision = (Refuse) decide("started", "begin", READY.replace(part, "private"));

        assertThat(decision.reason()).contains("missing or wrong; run: splitmem prepare big-1");
    }

    @Test
    void aMarkedDomainWithoutUuidIsRefused() {
        var decision = (Refuse) decide("started", "begin", READY.replaceAll("<uuid>.*</uuid>", ""));

        assertThat(decision.reason()).isEqualTo("domain big-1 carries the shim, but has no uuid");
    }

    @Test
    void brokenXmlOfAMarkedDomainIsAnError() {
        assertThatThrownBy(() -> decide("migrate", "begin", READY.substring(0, READY.length() - 5)))
                .isInstanceOf(InvalidDomainXmlException.class);
    }

    private static HookDecision decide(String operation, String subOperation, String xml) {
        return new HookCall(operation, subOperation, "big-1", xml).decide(ShimPaths.INSTALLED);
    }
}
