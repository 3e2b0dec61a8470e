package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.SocketPair;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.qmp.QmpEvent;
import org.splitmem.memory.server.ConnectionHandler;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.thread.HostThreads;
import org.splitmem.memory.vm.SplitDefinitions;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.model.RefusedException;

/** A VM that arrives, whose source's control connection the test plays: in the switch-over it breaks, or the host's disk is full. */
@Timeout(value = 50, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class IncomingMigrationTest {
    private static final long RAM = 64L << 20;
    private static final String TOKEN = "token";

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final FakePeers peers = new FakePeers("h2");
    private VmRegistry vms;
    private MigrationService migrations;
    private Vm vm;
    private SocketPair sockets;
    private FrameSocket source;
    private CompletableFuture<@Nullable Void> serving;

    @BeforeEach
    void expect() throws Exception {
        vms = TestVms.registry(directory);
        vms.recover(found -> {}, takenUp -> {});
        migrations = TestMigrations.service(directory, vms, peers);
        migrations
                .incoming()
                .prepare(new PeerHosts.Incoming(
                        TestVms.UUID_OF_VM,
                        "db1",
                        "m1",
                        List.of(RAM),
                        6,
                        RAM,
                        List.of(),
                        new VmRecord.Lender("h2", "127.0.0.1", 7780, TOKEN, RAM),
                        null));
        vm = vms.find(TestVms.UUID_OF_VM);
        sockets = SocketPair.open();
        source = new FrameSocket(sockets.far());
        ConnectionHandler handler =
                migrations.resolve(new Hello(Hello.Role.CONTROL, TestVms.UUID_OF_VM, TOKEN, 6, Pages.fromBytes(RAM)));
        serving = CompletableFuture.runAsync(() -> {
            try (FrameSocket near = new FrameSocket(sockets.near())) {
                handler.serve(near);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    @AfterEach
    void end() throws Exception {
        sockets.far().shutdown();
        try {
            serving.get(20, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            assertThat(e.getCause()).isNotNull(); // the test has broken the connection
        }
        source.close();
        vms.stop();
    }

    private void qemuComes() throws IOException {
        TestVms.mapped(vm, (int) ProcessHandle.current().pid());
    }

    /** A peer that closes with something unread resets the connection. */
    private void reset() throws Exception {
        source.send(FrameType.FLUSH, 0, 0, 0);
        NativeBlock first = new NativeBlock(1);
        sockets.far().receive(first.address(), 1); // the rest has come with it
        source.close();
        assertThatThrownBy(() -> serving.get(20, TimeUnit.SECONDS)).isInstanceOf(Exception.class);
    }

    @Test
    void whatHasComeStaysWhenTheControlConnectionIsResetInTheSwitchOver() throws Exception {
        qemuComes();

        reset();

        assertThat(serving.isCompletedExceptionally()).as("it was reset").isTrue();
        assertThat(vms.find(TestVms.UUID_OF_VM)).isSameAs(vm);
        assertThat(migrations.incoming().isExpected(TestVms.UUID_OF_VM)).isTrue();
        assertThat(Files.exists(directory.resolve("vms/" + TestVms.UUID_OF_VM + "/vm.json")))
                .isTrue();
    }

    @Test
    void whatHasComeStaysWhenTheControlConnectionIsDamaged() throws Exception {
        qemuComes();

        source.send(FrameType.PAGE_IN, 0, 1, 0);
        assertThatThrownBy(() -> serving.get(20, TimeUnit.SECONDS)).hasMessageContaining("no business");

        assertThat(vms.find(TestVms.UUID_OF_VM)).isSameAs(vm);
    }

    /** No guest can run here. */
    @Test
    void withoutAQemuItIsFreedWhenTheControlConnectionIsReset() throws Exception {
        reset();

        assertThat(vms.find(TestVms.UUID_OF_VM)).isNull();
    }

    @Test
    void anArrivalThatCannotBeRecordedIsRecordedOnceItCanBe() throws Exception {
        qemuComes();
        Path draft = directory.resolve("vms/" + TestVms.UUID_OF_VM + "/vm.json.new");
        Files.createDirectory(draft); // root may write to any other

        source.send(FrameType.HANDED_OVER, 0, 0, 0);
        source.send(FrameType.FLUSH, 0, 0, 0);
        assertThat(source.receive()).isTrue(); // it has dealt with what came before
        assertThat(vm.record().phase()).isEqualTo(VmRecord.Phase.INCOMING);

        Files.delete(draft);

        Await.until("it is recorded", () -> vm.record().phase() == VmRecord.Phase.PAGED);
    }

    /** A VM that comes with a sub-host, all of which is to be here. */
    private PeerHosts.Incoming split() {
        VmRecord.Lender server = new VmRecord.Lender("h3", "127.0.0.1", 7781, "next", RAM).sharedUnder("next");
        return new PeerHosts.Incoming(
                TestVms.UUID_OF_VM,
                "db1",
                "m2",
                List.of(RAM),
                6,
                RAM,
                List.of(server),
                new VmRecord.Lender("h2", "127.0.0.1", 7780, TOKEN, RAM),
                null);
    }

    /** Another daemon, which reaches these points. */
    private VmRegistry registry(FaultPoints points) throws IOException {
        return new VmRegistry(
                directory.resolve("others"),
                TestVms.config(),
                directory.path(),
                new SplitDefinitions(directory.resolve("no-splits")),
                points);
    }

    private MigrationService service(VmRegistry others) throws IOException {
        return new MigrationService(
                others,
                peers,
                TestMigrations.CONFIG,
                TestMigrations.SELF,
                releases(),
                new Operations(directory.resolve("more-operations"), FaultPoints.NONE));
    }

    private PendingReleases releases() throws IOException {
        return new PendingReleases(directory.resolve("more.json"), peers, new HostThreads(Runnable::run));
    }

    /** Later the guest would stand still meanwhile. */
    @Test
    void readingAheadEndsAsSoonAsTheHypervisorMayBegin() throws Exception {
        Set<FaultPoint> reached = ConcurrentHashMap.newKeySet();
        VmRegistry others = registry(reached::add);
        IncomingMigrations there = service(others).incoming();
        there.prepare(split());
        assertThat(reached).doesNotContain(FaultPoint.AHEAD_ENDED);

        there.streamBegins(TestVms.UUID_OF_VM);

        Await.until("it has ended", () -> reached.contains(FaultPoint.AHEAD_ENDED));
        others.stop();
    }

    /** Nothing else would ever free it. */
    @Test
    void oneThatCannotBeReceivedLeavesNothing() throws Exception {
        VmRegistry others = registry(FaultPoints.NONE);
        Path files = directory.resolve("others").resolve(TestVms.UUID_OF_VM.toString());
        Files.createDirectories(files.resolve("ram0")); // its RAM is read ahead into a file

        assertThatThrownBy(() -> service(others).incoming().prepare(split()))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("ram0");

        assertThat(others.find(TestVms.UUID_OF_VM)).isNull();
        assertThat(files).doesNotExist();
    }

    /** Its QEMU may report RESUME while the source has the guest back: the stores on its sub-hosts would never be released. */
    @Test
    void oneThatIsBeingFreedDoesNotBecomeThisHosts() throws Exception {
        AtomicReference<@Nullable Runnable> whenFreed = new AtomicReference<>();
        VmRegistry others = registry(point -> {
            Runnable then = whenFreed.get();
            if (point == FaultPoint.FREEING && then != null) {
                then.run();
            }
        });
        IncomingMigrations there = service(others).incoming();
        there.prepare(split());
        Vm coming = others.find(TestVms.UUID_OF_VM);
        IncomingMigration incoming = IncomingMigration.expected(coming, split(), peers, releases());
        whenFreed.set(() -> incoming.onQmp(new QmpEvent("RESUME", "", 1)));

        there.discard(incoming, "its source has it back");

        assertThat(coming.record().phase()).isEqualTo(VmRecord.Phase.INCOMING);
        assertThat(others.find(TestVms.UUID_OF_VM)).isNull();
        others.stop();
    }

    /** libvirt takes a second or two to end it. */
    @Test
    void oneThatHasJustLeftComesBackOnceItsFormerQemuHasEnded() throws Exception {
        VmRegistry others = registry(FaultPoints.NONE);
        IncomingMigrations there = service(others).incoming();
        Process former = new ProcessBuilder("sleep", "60").start();
        Vm left = others.prepare(TestVms.record("db1", VmRecord.Phase.LEFT, RAM));
        TestVms.mapped(left, (int) former.pid());
        CompletableFuture<@Nullable Void> coming = CompletableFuture.runAsync(() -> {
            try {
                there.prepare(split());
            } catch (RefusedException e) {
                throw new IllegalStateException(e);
            }
        });

        former.destroyForcibly().waitFor();
        coming.get(20, TimeUnit.SECONDS);

        assertThat(others.find(TestVms.UUID_OF_VM).record().phase()).isEqualTo(VmRecord.Phase.INCOMING);
        others.stop();
    }
}
