package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.shim.Qemu;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.SplitDefinition;
import org.splitmem.memory.vm.SplitDefinitions;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.SubHostShare;

/** VMs that start, as far as that goes without memory servers: the simulations have those that become split. */
class SplitStartsTest {
    private static final long RAM = 64L << 20;
    private static final UUID VM = TestVms.UUID_OF_VM;
    private static final Qemu QEMU =
            new Qemu(VM, "guest", (int) ProcessHandle.current().pid());

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final FakePeers peers = new FakePeers("h2", "h3", "h4");
    private VmRegistry vms;
    private SplitDefinitions definitions;
    private MigrationService migrations;
    private ExpectedSplits expected;
    private SplitStarts starts;
    private long limit = Long.MAX_VALUE;

    @BeforeEach
    void start() throws IOException {
        definitions = new SplitDefinitions(directory.resolve("splits"));
        vms = new VmRegistry(directory.resolve("vms"), TestVms.config(), directory.path(), definitions);
        migrations = TestMigrations.service(directory, vms, peers);
        expected = new ExpectedSplits(
                new ExpectationFile(directory.resolve("expected.json")), definitions, 600_000, vms, migrations);
        starts = new SplitStarts(vms, definitions, expected, migrations, new GuestRoom(vms, () -> limit));
        vms.setStarts(starts);
        vms.recover(found -> {}, takenUp -> {});
        starts.recovered();
    }

    @AfterEach
    void end() {
        peers.answer();
        vms.stop();
    }

    private static SplitDefinition halfOnH3() {
        VmRecord.Lender h3 = new VmRecord.Lender("h3", "127.0.0.1", 7780, "token", RAM);
        return new SplitDefinition(VM, "db1", RAM, List.of(RAM), RAM / 2, 7, List.of(h3), true);
    }

    private void open() throws IOException {
        vms.open(QEMU, 0).file().close();
    }

    @Test
    void aVmWithoutADefinitionStartsWhole() throws Exception {
        open();

        assertThat(vms.find(VM).record().phase()).isEqualTo(VmRecord.Phase.LOCAL);
        assertThat(peers.asked()).isEmpty();
    }

    @Test
    void oneThatWasSplitDoesNotStartWhenASubHostRefusesAndNothingStaysReserved() throws Exception {
        definitions.keep(halfOnH3());
        peers.refuse("h3");

        assertThatThrownBy(this::open).hasMessage("host h3 refused: no room");

        assertThat(vms.find(VM)).isNull();
        peers.refuse("");
        migrations.sweep(System.nanoTime() + 10_000_000_000L);
        starts.sweep();
        assertThat(peers.asked()).contains("reserve h3", "release h3");
        SplitDefinition kept = definitions.find(VM);
        assertThat(kept.reserved()).isFalse();
        assertThat(kept.epoch()).isEqualTo(8);
        assertThat(kept.lenders().get(0).token()).isNotEqualTo("token");
    }

    @Test
    void oneWhoseSubHostIsNoPeerAnyMoreDoesNotStart() throws Exception {
        SplitDefinition half = halfOnH3();
        VmRecord.Lender gone = new VmRecord.Lender("h9", "127.0.0.1", 7780, "token", RAM);
        definitions.keep(half.anew(List.of(gone)));

        assertThatThrownBy(this::open).hasMessageContaining("host h9 is not among the peers");

        assertThat(vms.find(VM)).isNull();
    }

    @Test
    void oneWhoseDefinitionIsDamagedDoesNotStartWhole() throws Exception {
        Path file = directory.resolve("splits").resolve(VM + ".json");
        Files.writeString(file, "{");
        vms.stop();
        start();

        assertThatThrownBy(this::open).hasMessageContaining("is damaged").hasMessageContaining("splitmem forget");
        assertThat(vms.find(VM)).isNull();

        starts.forget(VM);
        open();
        assertThat(vms.find(VM).record().phase()).isEqualTo(VmRecord.Phase.LOCAL);
    }

    @Test
    void anExpectedOneDoesNotStartWhileASubHostDoesNotAnswer() throws Exception {
        expected.request(VM, new SplitRequest("db1", RAM, RAM / 2, List.of(new SubHostShare("h3", null))));

        assertThatThrownBy(this::open).hasMessageContaining("sub-host h3: ");

        assertThat(vms.find(VM)).isNull();
        assertThat(expected.all()).hasSize(1);
    }

    /** By an earlier daemon of this host, which lost its memory with the host. */
    @Test
    void whatIsReservedForAVmThatIsNotHereAnyMoreIsGivenBack() throws Exception {
        definitions.keep(halfOnH3());
        vms.stop();
        start();

        migrations.sweep(System.nanoTime());
        starts.sweep();

        assertThat(peers.asked()).containsExactly("release h3");
        assertThat(definitions.find(VM)).isEqualTo(halfOnH3().released());
    }

    @Test
    void oneThatWouldExceedTheLimitDoesNotStart() throws Exception {
        definitions.keep(halfOnH3());
        limit = RAM / 2 - 1;

        assertThatThrownBy(this::open).hasMessageContaining("memory.guest-limit");

        assertThat(vms.find(VM)).isNull();
        assertThat(peers.asked()).isEmpty();
    }

    @Test
    void aWholeOneThatWouldExceedTheLimitIsRefusedItsRam() throws Exception {
        limit = RAM - 1;
        open();

        assertThatThrownBy(() -> vms.mapped(QEMU, 0, 0x1000, RAM, null))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("VM guest needs 64.0 MiB");
        assertThat(vms.find(VM).record().backendBytes()).isEmpty();
    }

    @Test
    void forgottenItStartsWhole() throws Exception {
        definitions.keep(halfOnH3());

        starts.forget(VM);

        assertThat(definitions.find(VM)).isNull();
        assertThat(new SplitDefinitions(directory.resolve("splits")).all()).isEmpty();
        migrations.sweep(System.nanoTime());
        assertThat(peers.asked()).containsExactly("release h3");
        assertThat(catchThrowableOfType(RefusedException.class, () -> starts.forget(VM))
                        .code())
                .isEqualTo("not-expected");
        open();
        assertThat(vms.find(VM).record().phase()).isEqualTo(VmRecord.Phase.LOCAL);
    }

    @Test
    void oneThatRunsSplitIsNotForgotten() throws Exception {
        Vm vm = vms.start(halfOnH3().born("db1", QEMU.pid()), 0);
        starts.sweep();

        assertThat(catchThrowableOfType(RefusedException.class, () -> starts.forget(VM))
                        .code())
                .isEqualTo("vm-split");
        assertThat(definitions.find(VM)).isEqualTo(halfOnH3());

        vm.setBudget(RAM); // it is being gathered
        assertThat(definitions.find(VM)).isNull();
    }

    /** Its pages are fetched from here still: they are not freed for a QEMU that should not be. */
    @Test
    void oneThatHasLeftAndIsFetchedStillDoesNotStartHereAgain() throws Exception {
        VmRecord.Lender source = new VmRecord.Lender("h1", "127.0.0.1", 7780, "token", RAM);
        vms.start(
                new VmRecord(
                        VM,
                        "db1",
                        VmRecord.Phase.LEFT,
                        List.of(RAM),
                        1,
                        -1,
                        List.of(),
                        source,
                        Integer.MAX_VALUE,
                        null),
                0);

        assertThatThrownBy(this::open).hasMessageContaining("still fetches pages from here");

        assertThat(vms.find(VM).record().phase()).isEqualTo(VmRecord.Phase.LEFT);
    }
}
