package org.splitmem.memory.control;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.splitmem.memory.config.DaemonConfig;
import org.splitmem.memory.migration.ExpectationFile.Expected;
import org.splitmem.memory.migration.ExpectedSplits;
import org.splitmem.memory.migration.Fencing;
import org.splitmem.memory.migration.GuestRoom;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.migration.RefusedException;
import org.splitmem.memory.migration.SplitStarts;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.server.StoreRecord;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.model.AbortReason;
import org.splitmem.model.BudgetRequest;
import org.splitmem.model.ControlAddress;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.GatherRequest;
import org.splitmem.model.HostInfo;
import org.splitmem.model.HostStatus;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.PeerAddress;
import org.splitmem.model.PeerList;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.VmInfo;

/** What the control API can be asked. Any thread. */
final class Endpoints {
    /** How long a question for readiness may wait: shorter than who asks, and a hung peer of theirs, is waited for. */
    private static final long READY_WAIT_NS = 5_000_000_000L;

    /** Of who does not say why. */
    private static final String NO_REASON = "aborted by a request to splitmemd's API";

    private final DaemonConfig config;
    private final VmRegistry vms;
    private final MigrationService migrations;
    private final MemoryServer server;
    private final HttpPeers peers;
    private final HostFacts facts;
    private final HookEndpoint hooks;
    private final ExpectedSplits expected;
    private final SplitStarts starts;
    private final VmViews views;
    private final Fencing fencing;

    Endpoints(
            DaemonConfig config,
            VmRegistry vms,
            MigrationService migrations,
            MemoryServer server,
            HttpPeers peers,
            HostFacts facts,
            ExpectedSplits expected,
            SplitStarts starts) {
        this.expected = expected;
        this.starts = starts;
        this.views = new VmViews(vms, expected, starts);
        this.config = config;
        this.vms = vms;
        this.migrations = migrations;
        this.server = server;
        this.peers = peers;
        this.facts = facts;
        this.fencing = new Fencing(
                peers, new PeerHosts.Peer(config.hostName(), config.controlAddress(), config.dataPort()), server);
        this.hooks = new HookEndpoint(config, migrations, peers, vms);
    }

    /** @throws ApiException when it cannot be answered as asked */
    Answer answer(Call call) throws ApiException, IOException {
        return switch (call.segment(0)) {
            case "host", "hosts", "peers" -> hosts(call);
            case "vms" -> vms(call);
            case "migrations" -> migrations(call);
            case "hooks" -> hooks.answer(call);
            case "fences" -> fence(call);
            case "reservations", "incoming", "outgoing", "fenced" -> betweenHosts(call);
            default -> throw unknown(call);
        };
    }

    static ApiException unknown(Call call) {
        return new ApiException(
                404, "not-found", "there is no " + call.method() + " on this path; docs/API.md lists what there is");
    }

    // ---- hosts

    private Answer hosts(Call call) throws ApiException {
        if (call.is("GET", "host")) {
            return Answer.json(info());
        }
        if (call.is("GET", "host", "address")) {
            return Answer.json(address());
        }
        if (call.is("GET", "hosts")) {
            return Answer.json(statuses());
        }
        if (call.is("GET", "peers")) {
            return Answer.json(peers.directory().told());
        }
        if (call.is("PUT", "peers")) {
            peers.directory().tell(call.body(PeerList.class));
            return Answer.empty();
        }
        throw unknown(call);
    }

    private HostInfo info() {
        long lent = server.lentBytes();
        long room = Math.min(server.lendLimitBytes() - lent, facts.availableBytes() - (lent - server.heldBytes()));
        return new HostInfo(
                config.hostName(),
                facts.version(),
                FrameSocket.VERSION,
                facts.kernel(),
                server.lendLimitBytes(),
                lent,
                server.heldBytes(),
                Math.max(0, room),
                vms.all().size(),
                config.failureDomain().isEmpty() ? null : config.failureDomain(),
                facts.linkBytesPerSecond(config.controlAddress()),
                facts.loadPercent());
    }

    private ControlAddress address() {
        String address = config.controlAddress();
        return new ControlAddress(
                config.hostName(), address.isEmpty() ? null : address, config.controlPort(), config.dataPort());
    }

    /** Asks all peers at once: one that does not answer costs its time limit, not the sum of all. */
    private List<HostStatus> statuses() {
        List<CompletableFuture<HostStatus>> asked = new ArrayList<>();
        asked.add(CompletableFuture.completedFuture(
                new HostStatus(config.hostName(), config.controlAddress(), true, info(), null)));
        for (PeerAddress peer : peers.directory().all()) {
            asked.add(CompletableFuture.supplyAsync(() -> status(peer)));
        }
        return asked.stream().map(CompletableFuture::join).toList();
    }

    private HostStatus status(PeerAddress peer) {
        try {
            return new HostStatus(peer.name(), peer.address(), true, peers.info(peer.name()), null);
        } catch (IOException e) {
            return new HostStatus(peer.name(), peer.address(), false, null, String.valueOf(e.getMessage()));
        }
    }

    /** Nobody may say so but who knows: an operator, or nova-bridge when Nova evacuates. */
    private Answer fence(Call call) throws ApiException, IOException {
        if (!call.is("POST", "fences")) {
            throw unknown(call);
        }
        try {
            return Answer.json(fencing.fence(call.body(FenceRequest.class)));
        } catch (RefusedException e) {
            throw ApiException.of(e);
        }
    }

    private List<PeerHosts.Freed> fenced(FenceRequest request) throws IOException {
        return server.fence(request.host(), request.vm()).stream()
                .map(store -> new PeerHosts.Freed(store.vm(), store.reservedBytes()))
                .toList();
    }

    // ---- VMs

    private Answer vms(Call call) throws ApiException, IOException {
        if (call.is("GET", "vms")) {
            return Answer.json(views.all());
        }
        if (call.is("GET", "vms", "*")) {
            return Answer.json(views.find(call.segment(1)).orElseThrow(() -> noVm(call.segment(1))));
        }
        if (call.is("POST", "vms", "*", "split")) {
            return split(call.segment(1), call.body(SplitRequest.class));
        }
        if (call.is("DELETE", "vms", "*", "split")) {
            forget(uuidOf(call.segment(1)));
            return Answer.empty();
        }
        Vm vm = vm(call.segment(1));
        if (call.is("PUT", "vms", "*", "budget")) {
            setBudget(vm, call.body(BudgetRequest.class).bytes());
            return Answer.json(Views.of(vm));
        }
        if (call.is("POST", "vms", "*", "gather")) {
            gather(vm, call.body(GatherRequest.class));
            return Answer.json(202, Views.of(vm));
        }
        if (call.is("POST", "vms", "*", "migrations")) {
            return Answer.json(202, start(vm, call.body(MigrationRequest.class)));
        }
        throw unknown(call);
    }

    private Vm vm(String uuidOrName) throws ApiException {
        return views.here(uuidOrName).orElseThrow(() -> noVm(uuidOrName));
    }

    private ApiException noVm(String uuidOrName) {
        return new ApiException(
                404,
                "vm-not-found",
                "no split-ready VM \"" + uuidOrName + "\" runs on " + config.hostName()
                        + "; \"splitmem vms\" lists those that do");
    }

    private void gather(Vm vm, GatherRequest request) throws ApiException, IOException {
        requireSplit(vm, "nothing of it is elsewhere");
        long ram = vm.record().ramBytes();
        checkRoom(vm, ram);
        Long rate = request.bandwidthBytesPerSecond();
        vm.setBudget(ram, rate == null ? 0 : rate);
    }

    /** @param whyNotLocal what is to be said of one that is whole */
    private static void requireSplit(Vm vm, String whyNotLocal) throws ApiException {
        switch (vm.record().phase()) {
            case PAGED -> {}
            case LOCAL ->
                throw new ApiException(409, "vm-local", "VM " + vm.name() + " is whole on this host: " + whyNotLocal);
            case INCOMING, LEAVING, LEFT ->
                throw new ApiException(409, "vm-migrating", "VM " + vm.name() + " is migrating");
        }
    }

    private void setBudget(Vm vm, long bytes) throws ApiException, IOException {
        if (bytes < VmRecord.LEAST_BUDGET_BYTES) {
            throw new ApiException(
                    400,
                    "budget-too-small",
                    "a budget of " + bytes + " B is less than " + VmRecord.LEAST_BUDGET_BYTES
                            + " B, the least that a VM can run with");
        }
        requireSplit(vm, "it has no sub-host yet; split it first");
        checkRoom(vm, bytes);
        vm.setBudget(bytes);
    }

    /** Whether a VM may take so much of this host, in all. */
    private void checkLimit(UUID vm, String name, long bytes) throws ApiException {
        try {
            starts.room().check(vm, name, bytes);
        } catch (GuestRoom.NoRoomException e) {
            throw new ApiException(507, "no-room", config.hostName() + ": " + e.getMessage());
        }
    }

    private void checkRoom(Vm vm, long budget) throws ApiException {
        VmInfo now = Views.of(vm);
        checkLimit(vm.uuid(), vm.name(), Math.min(budget, now.ramBytes()));
        long growth = growth(budget, now.ramBytes(), now.residentBytes());
        long free = facts.availableBytes();
        if (growth > free) { // the tmpfs of guest RAM has no limit of its own
            throw new ApiException(
                    507,
                    "no-room",
                    "with a budget of " + budget + " B, " + growth + " B more of VM " + vm.name() + " would come to "
                            + config.hostName() + ", which has " + free + " B of memory free");
        }
    }

    /** Bytes of a VM that a budget lets come back to its main host. */
    static long growth(long budget, long ram, long resident) {
        return Math.max(0, Math.min(budget, ram) - resident);
    }

    /** One that is here is split now, any other when it starts. */
    private Answer split(String which, SplitRequest request) throws ApiException {
        UUID uuid = uuidOf(which);
        long free = facts.availableBytes();
        if (vms.find(uuid) == null) {
            checkLimit(uuid, request.name() == null ? which : request.name(), request.budgetBytes());
        }
        if (vms.find(uuid) == null && request.budgetBytes() > free) {
            throw new ApiException(
                    507,
                    "no-room",
                    config.hostName() + " has " + free + " B of memory free, the VM's budget is "
                            + request.budgetBytes() + " B");
        }
        try {
            Expected one = expected.request(uuid, request);
            return one == null ? Answer.json(Views.of(vm(which))) : Answer.json(202, Views.of(one));
        } catch (RefusedException e) {
            throw ApiException.of(e);
        }
    }

    private void forget(UUID uuid) throws ApiException {
        try {
            starts.forget(uuid);
        } catch (RefusedException e) {
            throw ApiException.of(e);
        }
    }

    /** Of a VM that is known by its name, or one that need not be known at all. */
    private UUID uuidOf(String uuidOrName) throws ApiException {
        Optional<VmInfo> known = views.find(uuidOrName);
        if (known.isPresent()) {
            return uuid(known.get().uuid());
        }
        return VmViews.uuid(uuidOrName).orElseThrow(() -> noVm(uuidOrName));
    }

    private Object start(Vm vm, MigrationRequest request) throws ApiException {
        try {
            return migrations.start(vm, request);
        } catch (RefusedException e) {
            throw ApiException.of(e);
        }
    }

    // ---- migrations

    private Answer migrations(Call call) throws ApiException {
        if (call.is("GET", "migrations")) {
            return Answer.json(migrations.list());
        }
        if (call.is("GET", "migrations", "*")) {
            return Answer.json(migrations
                    .find(call.segment(1))
                    .orElseThrow(() -> new ApiException(
                            404, "migration-not-found", "no migration " + call.segment(1) + " on this host")));
        }
        try {
            if (call.is("DELETE", "migrations", "*")) {
                return Answer.json(migrations.abort(call.segment(1), abortReason(call)));
            }
            if (call.is("POST", "migrations", "*", "complete")) {
                return Answer.json(migrations.complete(call.segment(1)));
            }
        } catch (RefusedException e) {
            throw ApiException.of(e);
        }
        throw unknown(call);
    }

    private static String abortReason(Call call) throws ApiException {
        Optional<String> given = call.optionalQuery(AbortReason.PARAMETER);
        try {
            return given.isEmpty() ? NO_REASON : new AbortReason(given.get()).text();
        } catch (IllegalArgumentException e) {
            throw new ApiException(400, "invalid-reason", String.valueOf(e.getMessage()));
        }
    }

    // ---- what hosts ask of each other

    private Answer betweenHosts(Call call) throws ApiException, IOException {
        if (call.is("POST", "reservations")) {
            reserve(call.body(PeerHosts.Reservation.class));
            return Answer.empty();
        }
        if (call.is("DELETE", "reservations", "*")) {
            server.release(uuid(call.segment(1)), call.query("token"));
            return Answer.empty();
        }
        if (call.is("POST", "fenced")) {
            return Answer.json(fenced(call.body(FenceRequest.class)));
        }
        if (call.is("POST", "incoming")) {
            prepare(call.body(PeerHosts.Incoming.class));
            return Answer.empty();
        }
        if (call.is("DELETE", "incoming", "*")) {
            migrations.cancel(uuid(call.segment(1)), call.query("token"));
            return Answer.empty();
        }
        if (call.is("GET", "incoming", "*", "arrival")) {
            return Answer.json(migrations.arrival(
                    uuid(call.segment(1)), call.query("token"), number("epoch", call.query("epoch"))));
        }
        if (call.is("DELETE", "outgoing", "*")) {
            arrived(uuid(call.segment(1)), call.query("token"));
            return Answer.empty();
        }
        if (call.is("GET", "outgoing", "*", "fate")) {
            return Answer.json(migrations.fate(uuid(call.segment(1)), call.query("token")));
        }
        if (call.is("GET", "outgoing", "*", "wants-stores")) {
            return Answer.json(expected.wantsStores(uuid(call.segment(1))));
        }
        if (call.is("POST", "outgoing", "*", "ready")) {
            return makeReady(
                    uuid(call.segment(1)),
                    call.query("destination"),
                    call.query("start").equals("true"),
                    call.query("nearly").equals("true"));
        }
        throw unknown(call);
    }

    private static UUID uuid(String text) throws ApiException {
        return VmViews.uuid(text).orElseThrow(() -> new ApiException(400, "invalid-uuid", "not a uuid: " + text));
    }

    private static long number(String what, String text) throws ApiException {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new ApiException(400, "invalid-" + what, "not a number: " + text);
        }
    }

    private void reserve(PeerHosts.Reservation r) throws ApiException, IOException {
        PeerFields.check(r);
        try {
            server.reserve(
                    new StoreRecord(r.vm(), r.token(), r.epoch(), r.pages(), r.bytes(), r.owner(), r.main(), false));
        } catch (MemoryServer.NoRoomException e) {
            throw new ApiException(507, "no-room", String.valueOf(e.getMessage()));
        } catch (IllegalArgumentException e) {
            throw new ApiException(400, "invalid-reservation", String.valueOf(e.getMessage()));
        }
    }

    private void prepare(PeerHosts.Incoming incoming) throws ApiException {
        PeerFields.check(incoming);
        checkLimit(incoming.vm(), incoming.name(), incoming.budgetBytes());
        if (incoming.budgetBytes() > facts.availableBytes()) {
            throw new ApiException(
                    507,
                    "no-room",
                    config.hostName() + " has " + facts.availableBytes() + " B of memory free, the VM's budget is "
                            + incoming.budgetBytes() + " B");
        }
        try {
            migrations.prepare(incoming);
        } catch (RefusedException e) {
            throw ApiException.of(e);
        }
    }

    private void arrived(UUID uuid, String token) throws ApiException {
        try {
            migrations.arrived(uuid, token);
        } catch (RefusedException e) {
            throw ApiException.of(e);
        }
    }

    /** A migration that the hypervisor was asked for directly: one-to-one, unless a plan was prepared. */
    private Answer makeReady(UUID uuid, String destination, boolean start, boolean nearly) throws ApiException {
        Vm vm = vm(uuid.toString());
        if (start && !isMigrating(uuid) && !isStartedForHook(vm, destination)) {
            return Answer.notYet();
        }
        if (migrations.awaitReady(uuid, nearly, READY_WAIT_NS)) {
            return Answer.empty();
        }
        if (isMigrating(uuid) || migrations.isStarting(uuid)) {
            return Answer.notYet();
        }
        String why = migrations.list().stream()
                .filter(m -> m.vm().equals(uuid.toString()) && m.phase() == MigrationPhase.ABORTED)
                .findFirst()
                .map(m -> String.valueOf(m.reason()))
                .orElse("it ended");
        throw new ApiException(
                502, "migration-failed", "the memory of VM " + vm.name() + " could not be prepared: " + why);
    }

    /** @return false if another request is starting one at the same time: that one is waited for then */
    private boolean isStartedForHook(Vm vm, String destination) throws ApiException {
        try {
            migrations.start(vm, new MigrationRequest(destination, null, List.of(), null, null, null));
            return true;
        } catch (RefusedException e) {
            if (!isMigrating(vm.uuid()) && !migrations.isStarting(vm.uuid())) {
                throw ApiException.of(e);
            }
            return false;
        }
    }

    private boolean isMigrating(UUID uuid) {
        return migrations.list().stream()
                .anyMatch(m -> m.vm().equals(uuid.toString()) && !m.phase().isOver());
    }
}
