package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.shim.Qemu;
import org.splitmem.memory.shim.ShimHandler.Backend;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.VmRecord.Phase;

/** A VM ends here and begins anew: the two lives share a directory. */
class VmRegistryTest {
    private static final VmRecord EXPECTED = TestVms.record("db1", Phase.INCOMING, 64L << 20);

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private VmRegistry vms;
    private Path files;

    @BeforeEach
    void make() throws IOException {
        files = directory.resolve("vms").resolve(TestVms.UUID_OF_VM.toString());
        vms = TestVms.registry(directory);
        vms.recover(found -> {}, takenUp -> {});
    }

    /** The registry has forgotten it: its RAM would stay until the next start of the daemon. */
    @Test
    void aVmIsFreedAlsoIfWhoIsToldOfItsEndFails() throws Exception {
        Vm vm = vms.prepare(EXPECTED);
        vms.tellEnds((ended, because) -> {
            throw new IllegalStateException("a bug");
        });

        assertThatThrownBy(() -> vms.remove(vm, "a test")).hasMessage("a bug");

        assertThat(vms.find(TestVms.UUID_OF_VM)).isNull();
        assertThat(files).doesNotExist();
        vms.tellEnds((ended, because) -> {});
        vms.prepare(EXPECTED);
    }

    @Test
    void aVmThatIsBeingFreedIsNotExpectedAnewBeforeThatIsDone() throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        Thread frees = freeing(goOn);

        assertThatThrownBy(() -> vms.prepare(EXPECTED)).hasMessageContaining("is still being freed; ask again");
        goOn.countDown();
        frees.join();
        vms.prepare(EXPECTED);

        assertThat(VmRecord.isIn(files)).isTrue();
    }

    /** Its RAM would be deleted under it. */
    @Test
    void aQemuThatStartsWaitsUntilItsFormerRamIsFreed() throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        Thread frees = freeing(goOn);
        FutureTask<Backend> opens = new FutureTask<>(() -> vms.open(new Qemu(TestVms.UUID_OF_VM, "db1", 4711), 0));
        Thread starts = new Thread(opens, "starts");
        starts.start();
        Await.until(
                "QEMU waits, or has its RAM", () -> starts.getState() == Thread.State.TIMED_WAITING || opens.isDone());

        goOn.countDown();
        frees.join();
        opens.get(20, TimeUnit.SECONDS).file().close();

        assertThat(VmRecord.isIn(files)).isTrue();
        assertThat(files.resolve("ram0")).exists();
    }

    /** Threads of a migration from here may have it in hand a moment longer. */
    @Test
    void whatStillEndsOfTheFormerLifeLeavesTheNextOneAlone() throws Exception {
        Vm former = vms.prepare(EXPECTED);
        former.requireMemory();
        vms.remove(former, "a test");
        Vm next = vms.prepare(EXPECTED.withBudget(7 << 20, 0));

        assertThatThrownBy(() -> former.change(record -> record.withName("former")))
                .isInstanceOf(IOException.class)
                .hasMessage(files + " is deleted: it was of a VM that is on this host no more");
        assertThatThrownBy(() -> former.openBackend(0)).hasMessageContaining(" is deleted: ");
        assertThatThrownBy(former::requireMemory).hasMessageContaining(" is deleted: ");
        former.endWatch();
        former.destroy();

        assertThat(VmRecord.load(files)).isEqualTo(next.record());
        assertThat(files.resolve("table")).exists();
    }

    /** A VM that is found no more, by a thread that has not deleted its files yet. */
    private Thread freeing(CountDownLatch goOn) throws Exception {
        Vm vm = vms.prepare(EXPECTED);
        CountDownLatch isForgotten = new CountDownLatch(1);
        vms.tellEnds((ended, because) -> {
            isForgotten.countDown();
            try {
                goOn.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        Thread frees = new Thread(() -> vms.remove(vm, "a test"), "frees");
        frees.start();
        isForgotten.await();
        return frees;
    }
}
