package org.splitmem.memory.drain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.splitmem.memory.drain.FakeMainHosts.MIB;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.server.StoreRecord;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.thread.HostThreads;
import org.splitmem.model.DrainRequest;
import org.splitmem.model.LeavingVm;
import org.splitmem.model.LendRequest;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.LendingState;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmState;

/** Host h3 keeps pages of two VMs of h1, and of one of h2; what it is to lend no more leaves by what these hosts do. */
class DrainerTest {
    private static final UUID DB1 = new UUID(1, 1);
    private static final UUID DB2 = new UUID(1, 2);
    private static final UUID WEB = new UUID(2, 1);
    private static final long LIMIT = 1024 * MIB;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final FakeMainHosts hosts = new FakeMainHosts("h1", "h2", "h4", "h5");
    private long nowNs = System.nanoTime();
    private MemoryServer server;
    private Lending lending;
    private Drainer drainer;
    private Operations operations;

    @BeforeEach
    void start() throws Exception {
        restart();
        reserve(DB1, "h1", 144 * MIB);
        reserve(DB2, "h1", 160 * MIB);
        reserve(WEB, "h2", 176 * MIB);
        hosts.run("h1", FakeMainHosts.split(DB1, "db1", Map.of("h3", 144 * MIB)));
        hosts.run("h1", FakeMainHosts.split(DB2, "db2", Map.of("h3", 160 * MIB)));
        hosts.run("h2", FakeMainHosts.split(WEB, "web", Map.of("h3", 176 * MIB)));
        hosts.room("h4", LIMIT);
    }

    /** As splitmemd begins, with what an earlier one left. */
    private void restart() throws IOException {
        operations = new Operations(directory.resolve("operations"), FaultPoints.NONE);
        server = new MemoryServer(directory.resolve("stores"), LIMIT, () -> LIMIT, Lender.NO_NEIGHBOUR);
        lending = new Lending("h3", LIMIT, directory.resolve("lending.json"), hosts, server);
        drainer = new Drainer(lending, hosts, new HostThreads(Runnable::run), operations);
        server.recover();
    }

    private void reserve(UUID vm, String main, long bytes) throws Exception {
        server.reserve(new StoreRecord(vm, "token", 1, 65_536, bytes, main, main, true));
    }

    private void sweepLater() {
        nowNs += TimeUnit.SECONDS.toNanos(60);
        drainer.sweep(nowNs);
    }

    private static DrainRequest to(SubHostShare... shares) {
        return new DrainRequest(List.of(shares));
    }

    private static SubHostShare all(String host) {
        return new SubHostShare(host, null);
    }

    private LeavingVm leaving(String name) {
        return drainer.view().leaving().stream()
                .filter(vm -> name.equals(vm.name()))
                .findFirst()
                .orElseThrow(() -> new AssertionError(name + " does not leave: " + drainer.view()));
    }

    private List<String> leaving() {
        return drainer.view().leaving().stream().map(LeavingVm::vm).toList();
    }

    /** It has none of its pages here any more. */
    private void isGone(UUID vm) throws IOException {
        assertThat(server.release(vm, "token")).isTrue();
    }

    @Test
    void eachMainHostIsAskedOnceAndTheHostIsEmptyWhenAllHaveLeft() throws Exception {
        lending.drain(to(all("h4")));
        sweepLater();
        sweepLater();

        assertThat(hosts.asked())
                .containsExactlyInAnyOrder("move db1 at h1 to h4", "move db2 at h1 to h4", "move web at h2 to h4");
        LendingInfo view = drainer.view();
        assertThat(view.state()).isEqualTo(LendingState.DRAINING);
        assertThat(view.leaving()).hasSize(3).allMatch(vm -> vm.moving() && vm.trouble() == null);
        isGone(DB1);
        isGone(DB2);
        assertThat(leaving()).containsExactly(WEB.toString());
        isGone(WEB);
        sweepLater();
        assertThat(drainer.view().state()).isEqualTo(LendingState.EMPTY);
        assertThat(lending.record().asked()).isEmpty();
    }

    @Test
    void nothingNewIsReservedMeanwhileAndTheRefusalSaysWhatToDo() throws Exception {
        lending.drain(to());

        assertThatThrownBy(() -> reserve(new UUID(3, 3), "h1", MIB))
                .isInstanceOf(RefusedException.class)
                .hasMessage("it is being drained, and lends nothing new: choose another host, or end that with"
                        + " \"splitmem drain h3 --cancel\"");
        assertThat(server.roomBytes()).isZero();

        lending.cancelDrain();
        reserve(new UUID(3, 3), "h1", MIB);
        assertThat(server.roomBytes()).isPositive();
    }

    @Test
    void aMainHostThatIsAwayIsAskedWhenItIsBackAndHoldsUpNoOther() throws Exception {
        hosts.away("h2");
        lending.drain(to(all("h4")));
        sweepLater();

        assertThat(leaving("db1").moving()).isTrue();
        LeavingVm web = drainer.view().leaving().get(0);
        assertThat(web.vm()).isEqualTo(WEB.toString());
        assertThat(web.moving()).isFalse();
        assertThat(web.trouble())
                .isEqualTo("host h2 does not answer: no route; it is asked again. If it is dead for good,"
                        + " \"splitmem forget-host h2\"");

        hosts.away();
        sweepLater();
        assertThat(leaving("web").moving()).isTrue();
        assertThat(leaving("web").trouble()).isNull();
        assertThat(hosts.asked()).contains("move web at h2 to h4");
    }

    @Test
    void theNextDaemonGoesOn() throws Exception {
        hosts.away("h2");
        lending.drain(to(new SubHostShare("h4", 512 * MIB)));
        sweepLater();
        hosts.asked();

        restart();
        hosts.away();
        assertThat(drainer.view().state()).isEqualTo(LendingState.DRAINING);
        assertThat(server.isClosed()).isTrue();
        sweepLater();

        assertThat(hosts.asked()).containsExactly("move web at h2 to h4");
        assertThat(lending.record().asked()).containsExactlyInAnyOrder(DB1, DB2, WEB);
    }

    @Test
    void afterItIsCancelledEveryMainHostThatWasAskedIsToldAlsoByTheNextDaemon() throws Exception {
        hosts.run(
                "h1",
                FakeMainHosts.split(
                        DB2, "db2", Map.of("h3", 160 * MIB), new MoveInfo("h3", MIB, 0, null, null, null))); // by hand
        lending.drain(to(all("h4")));
        sweepLater();
        hosts.away("h2");
        hosts.asked();
        lending.cancelDrain();
        sweepLater();
        assertThat(hosts.asked()).containsExactly("keep db1 at h1");
        assertThat(drainer.view().state()).isEqualTo(LendingState.LENDING);
        assertThat(hosts.vm(DB2).moves()).as("moved by hand").isNotEmpty();

        restart();
        hosts.away();
        sweepLater();
        sweepLater();

        assertThat(hosts.asked()).containsExactly("keep web at h2");
        assertThat(hosts.vm(WEB).moves()).isEmpty();
        assertThat(lending.record().asked()).isEmpty();
        RefusedException refused = catchThrowableOfType(RefusedException.class, lending::cancelDrain);
        assertThat(refused.code()).isEqualTo("not-being-drained");
    }

    @Test
    void whatCannotMoveNowHasAReason() throws Exception {
        hosts.run("h1", FakeMainHosts.of(DB1, "db1", VmState.INCOMING, Map.of("h3", 144 * MIB)));
        hosts.run("h1", FakeMainHosts.of(DB2, "db2", VmState.GONE, Map.of("h3", 144 * MIB)));
        lending.drain(to());
        sweepLater();

        assertThat(leaving("db1").trouble()).isEqualTo("VM db1 is migrating");
        assertThat(leaving("db2").trouble()).isEqualTo("QEMU of VM db2 is not connected to splitmemd of h1");
        assertThat(leaving("web").trouble())
                .isEqualTo("no room: without h3 its sub-hosts have reserved 0 B, and 128.0 MiB more of its RAM are over"
                        + " its budget; give hosts that take them, with --to");
        assertThat(hosts.asked()).isEmpty();

        lending.drain(to(all("h4")));
        drainer.sweep(nowNs); // at once
        assertThat(hosts.asked()).containsExactly("move web at h2 to h4");
    }

    @Test
    void aRefusalIsShownAndItIsAskedAgain() throws Exception {
        hosts.refuse("vm-busy");
        lending.drain(to(new SubHostShare("h4", 200 * MIB)));
        sweepLater();
        assertThat(leaving("web").trouble()).isEqualTo("host h2 refused: vm-busy");
        assertThat(lending.record().given()).isEqualTo(Map.of("h4", 0L));

        hosts.refuse(null);
        sweepLater();
        assertThat(drainer.view().leaving()).filteredOn(LeavingVm::moving).hasSize(1); // its share is used up then
        assertThat(drainer.view().leaving())
                .filteredOn(vm -> !vm.moving())
                .allMatch(vm -> String.valueOf(vm.trouble()).contains("of its share are left"));
    }

    @Test
    void othersOfItsSubHostsThatHaveRoomNeedNoTo() throws Exception {
        hosts.run("h2", FakeMainHosts.split(WEB, "web", Map.of("h3", 144 * MIB, "h5", 144 * MIB)));
        lending.drain(to());
        sweepLater();

        assertThat(hosts.asked()).containsExactly("move web at h2 to ");
    }

    @Test
    void aVmThatHasMovedOnIsLookedForElsewhere() throws Exception {
        hosts.run("h5", FakeMainHosts.split(WEB, "web", Map.of("h3", 144 * MIB)));
        lending.drain(to(all("h4")));
        sweepLater();
        assertThat(drainer.view().leaving().get(0).trouble()).startsWith("h2 does not know this VM");
        sweepLater();

        assertThat(leaving("web").mainHost()).isEqualTo("h5");
        assertThat(hosts.asked()).contains("move web at h5 to h4");
    }

    @Test
    void lessThanIsReservedHasTheLargestLeaveUntilTheOthersFit() throws Exception {
        lending.limit(new LendRequest(200 * MIB, List.of(all("h4"))));
        sweepLater();

        assertThat(hosts.asked()).containsExactlyInAnyOrder("move web at h2 to h4", "move db2 at h1 to h4");
        LendingInfo view = drainer.view();
        assertThat(view.state()).isEqualTo(LendingState.SHRINKING);
        assertThat(view.limitBytes()).isEqualTo(200 * MIB);
        assertThat(view.setBytes()).isEqualTo(200 * MIB);
        assertThat(view.configuredBytes()).isEqualTo(LIMIT);
        assertThatThrownBy(() -> reserve(new UUID(3, 3), "h1", MIB)).hasMessageContaining("lends at most 209715200 B");

        restart();
        assertThat(server.lendLimitBytes()).isEqualTo(200 * MIB);
        isGone(WEB);
        isGone(DB2);
        assertThat(drainer.view().state()).isEqualTo(LendingState.LENDING);

        lending.limitAsConfigured();
        assertThat(drainer.view().setBytes()).isNull();
        assertThat(server.lendLimitBytes()).isEqualTo(LIMIT);
    }

    @Test
    void aLimitThatIsTakenBackEndsTheMoves() throws Exception {
        lending.limit(new LendRequest(0, List.of(all("h4"))));
        sweepLater();
        hosts.asked();

        lending.limitAsConfigured();
        drainer.sweep(nowNs);

        assertThat(hosts.asked()).containsExactlyInAnyOrder("keep db1 at h1", "keep db2 at h1", "keep web at h2");
    }

    @Test
    void hostsThatCannotTakeAnythingAreRefusedAndNothingHasChanged() {
        RefusedException self = catchThrowableOfType(RefusedException.class, () -> lending.drain(to(all("h3"))));
        assertThat(self.code()).isEqualTo("same-host");
        RefusedException unknown = catchThrowableOfType(
                RefusedException.class, () -> lending.limit(new LendRequest(1, List.of(all("h9")))));
        assertThat(unknown.code()).isEqualTo("host-not-found");

        assertThat(server.isClosed()).isFalse();
        assertThat(server.lendLimitBytes()).isEqualTo(LIMIT);
        assertThat(directory.resolve("lending.json")).doesNotExist();
    }

    @Test
    void whatCannotBeWrittenDownChangesNothing() throws Exception {
        Files.createDirectory(directory.resolve("lending.json.new"));

        RefusedException refused = catchThrowableOfType(RefusedException.class, () -> lending.drain(to()));

        assertThat(refused).hasMessageContaining("nothing has changed");
        assertThat(server.isClosed()).isFalse();
    }

    @Test
    void aDamagedRecordIsSetAsideAndTheHostLendsAsConfigured() throws Exception {
        lending.drain(to());
        Files.writeString(directory.resolve("lending.json"), "[{\"draining\":tru");

        restart();

        assertThat(drainer.view().state()).isEqualTo(LendingState.LENDING);
        assertThat(directory.resolve("lending.json.damaged")).exists();
    }

    /** Nobody can move what cannot be read, and it is not free either. */
    @Test
    void aDamagedStoreKeepsTheHostFromBeingEmpty() throws Exception {
        Files.writeString(directory.resolve("stores").resolve(DB1.toString()).resolve("store.json"), "{");
        restart();
        isGone(DB2);
        isGone(WEB);
        lending.drain(to());
        sweepLater();

        LendingInfo view = drainer.view();
        assertThat(view.state()).isEqualTo(LendingState.DRAINING);
        assertThat(view.leaving()).singleElement().satisfies(vm -> {
            assertThat(vm.vm()).isEqualTo(DB1.toString());
            assertThat(vm.trouble()).contains("is frozen");
        });
    }

    @Test
    void aDrainIsOneOperationUntilTheHostIsEmptyAlsoWithTheNextDaemon() throws Exception {
        lending.drain(new DrainRequest(List.of(new SubHostShare("h4", null))));
        operations.sweep();
        String id = operations.list(false).get(0).id();

        restart();
        operations.sweep();
        assertThat(operations.list(false)).singleElement().satisfies(info -> {
            assertThat(info.id()).isEqualTo(id);
            assertThat(info.phase()).isEqualTo("DRAINING");
            assertThat(info.end()).isEqualTo("splitmem drain h3 --cancel");
        });

        for (UUID vm : List.of(DB1, DB2, WEB)) {
            server.release(vm, "token");
        }
        operations.sweep();
        assertThat(operations.list(true))
                .singleElement()
                .satisfies(info -> assertThat(info.state()).isEqualTo(OperationState.DONE));
    }
}
