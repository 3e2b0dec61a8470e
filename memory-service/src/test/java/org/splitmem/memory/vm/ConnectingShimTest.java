package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.splitmem.memory.vm.TestVms.UUID_OF_VM;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.memory.shim.DiscardRule;
import org.splitmem.memory.shim.FakeShim;
import org.splitmem.memory.shim.ShimSession;

/** A shim connects, of a VM that an earlier daemon may have left in the middle of something. */
class ConnectingShimTest {
    private static final long MIB = 1L << 20;

    @TempDir
    private Path directory;

    private FakeShim shim;

    @BeforeEach
    void start() throws IOException {
        shim = new FakeShim(UUID_OF_VM);
    }

    @AfterEach
    void end() {
        shim.close();
    }

    private Vm vm(List<Long> backends) throws IOException {
        return TestVms.vm(
                directory, TestVms.record("db1", VmRecord.Phase.LOCAL, 0).withBackendBytes(backends));
    }

    @Test
    void nobodyCanAskItBeforeWhatAnEarlierDaemonAskedForIsUndone() throws Exception {
        Vm vm = vm(List.of(16 * MIB));
        List<Optional<ShimSession>> seen = new CopyOnWriteArrayList<>();
        shim.setBeforeAnswer(() -> seen.add(Optional.ofNullable(vm.session())));

        vm.ready(shim.session());

        assertThat(seen).hasSize(3).allMatch(Optional::isEmpty);
        assertThat(shim.discards()).containsExactly(DiscardRule.KERNEL);
        assertThat(vm.session()).isSameAs(shim.session());
    }

    /** What it was told of discards stays with the shim, also when its daemon has died. */
    @Test
    void nothingOfAVmThatIsNotWholeIsLeftToTheKernel() throws Exception {
        for (VmRecord.Phase phase : VmRecord.Phase.values()) {
            if (phase != VmRecord.Phase.LOCAL) {
                try (FakeShim other = new FakeShim(UUID_OF_VM)) {
                    TestVms.vm(directory, TestVms.record("db1", phase, 16 * MIB))
                            .ready(other.session());

                    assertThat(other.requests()).as("of a VM that is " + phase).isEmpty();
                }
            }
        }
    }

    @Test
    void whatAnIncomingQemuDiscardsIsRefused() {
        assertThat(GivenBack.watch(VmRecord.Phase.LOCAL, 0).discards()).isEqualTo(DiscardRule.KERNEL);
        assertThat(GivenBack.watch(VmRecord.Phase.INCOMING, 5).discards()).isEqualTo(DiscardRule.REFUSED);
        assertThat(GivenBack.watch(VmRecord.Phase.PAGED, 5).discards()).isEqualTo(DiscardRule.IGNORED);
        assertThat(GivenBack.watch(VmRecord.Phase.LEAVING, 0).discards()).isEqualTo(DiscardRule.IGNORED);
    }

    /** QEMU maps one backend after the other; the shim connects when there is one. */
    @Test
    void aBackendThatItDoesNotKnowYetIsNotItsBusiness() throws Exception {
        Vm vm = vm(List.of(16 * MIB, 8 * MIB));

        vm.ready(shim.session());

        assertThat(vm.session()).isSameAs(shim.session());
    }

    @Test
    void oneThatDoesNotDoItCountsAsNotConnected() throws Exception {
        Vm vm = vm(List.of(16 * MIB));
        vm.ready(shim.session());
        try (FakeShim next = new FakeShim(UUID_OF_VM)) {
            next.setBeforeAnswer(next::close);

            assertThatThrownBy(() -> vm.ready(next.session())).hasMessageContaining("does not answer");
        }

        assertThat(vm.session()).isNull();
        assertThatThrownBy(() -> shim.session().holdExit(false)).hasMessageContaining("is not connected any more");
    }

    @Test
    void oneThatComesWhenTheDaemonEndsIsNotKept() throws Exception {
        Vm vm = vm(List.of(16 * MIB));
        vm.stop();

        assertThatThrownBy(() -> vm.ready(shim.session())).hasMessageContaining("serves it no more");

        assertThat(vm.session()).isNull();
    }
}
