package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.VmRecord.Phase;

class VmPhaseTest {
    private static final Map<Phase, Set<Phase>> NEXT = Map.of(
            Phase.INCOMING, Set.of(Phase.PAGED),
            Phase.PAGED, Set.of(Phase.LOCAL, Phase.LEAVING),
            Phase.LOCAL, Set.of(Phase.PAGED, Phase.LEAVING),
            Phase.LEAVING, Set.of(Phase.LEFT, Phase.LOCAL, Phase.PAGED),
            Phase.LEFT, Set.of(Phase.LOCAL, Phase.PAGED));

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @ParameterizedTest
    @EnumSource
    void aPhaseLeadsToThoseOfTheTableAndToNoOther(Phase phase) {
        for (Phase next : Phase.values()) {
            assertThat(phase.leadsTo(next))
                    .as("%s -> %s", phase, next)
                    .isEqualTo(NEXT.get(phase).contains(next));
        }
    }

    @Test
    void aStepThatIsNotInTheTableIsNeitherRecordedNorTaken() throws IOException {
        VmRegistry vms = TestVms.registry(directory);
        vms.recover(found -> {}, takenUp -> {});
        Vm vm = vms.prepare(TestVms.record("db1", Phase.LOCAL, 64L << 20));

        assertThatIllegalStateException()
                .isThrownBy(new Outbound(vm)::left)
                .withMessage("VM " + vm.uuid() + ": LOCAL -> LEFT");

        assertThat(vm.record().phase()).isEqualTo(Phase.LOCAL);
        assertThat(VmRecord.load(directory.resolve("vms").resolve(vm.uuid().toString()))
                        .phase())
                .isEqualTo(Phase.LOCAL);
        vms.stop();
    }
}
