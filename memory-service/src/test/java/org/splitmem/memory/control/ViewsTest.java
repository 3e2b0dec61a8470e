package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRecord.Lender;
import org.splitmem.memory.vm.VmRecord.Lender.Stage;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.VmInfo;

/** nova-bridge books by this: what is on its way from one sub-host to another is booked on both, anything else once. */
class ViewsTest {
    private static final long RAM = 64L << 20;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private VmRegistry vms;

    @BeforeEach
    void start() throws Exception {
        vms = TestVms.registry(directory);
    }

    @AfterEach
    void stop() {
        vms.stop();
    }

    private static Lender lender(String host, Stage stage) {
        return new Lender(host, "127.0.0.1", 7780, "token", RAM, stage, null);
    }

    private VmInfo shown(Lender... lenders) throws Exception {
        vms.prepare(TestVms.lentBy(TestVms.record("db1", VmRecord.Phase.PAGED, RAM), List.of(lenders)));
        return VmLists.of(vms).get(0);
    }

    @Test
    void aSubHostThatIsOnlyAskedYetHasReservedNothing() throws Exception {
        VmInfo shown = shown(new Lender("h2", "127.0.0.1", 7780, "token", RAM), lender("h3", Stage.COMING));

        assertThat(shown.reservedBytes()).containsOnlyKeys("h2");
        assertThat(shown.moves()).isEmpty();
    }

    /** Also while nothing can move: its QEMU is not connected to this daemon, or the migration's source is not done with it. */
    @Test
    void whatIsToBeEmptiedIsAlwaysNamedWithWhatItHasReserved() throws Exception {
        VmInfo shown = shown(
                new Lender("h2", "127.0.0.1", 7780, "token", RAM),
                lender("h3", Stage.LEAVING),
                lender("h4", Stage.SHARED_LEAVING),
                lender("h5", Stage.SHARED),
                lender("h6", Stage.GONE));

        assertThat(shown.reservedBytes()).containsOnlyKeys("h2", "h3", "h4", "h5");
        assertThat(shown.moves()).extracting(MoveInfo::from).containsExactly("h3", "h4");
    }
}
