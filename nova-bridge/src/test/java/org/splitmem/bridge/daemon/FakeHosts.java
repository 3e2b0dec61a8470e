package org.splitmem.bridge.daemon;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.glassfish.grizzly.http.Method;
import org.glassfish.grizzly.http.server.HttpHandler;
import org.glassfish.grizzly.http.server.HttpServer;
import org.glassfish.grizzly.http.server.NetworkListener;
import org.glassfish.grizzly.http.server.Request;
import org.glassfish.grizzly.http.server.Response;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.ErrorBody;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.FenceResult;
import org.splitmem.model.Handover;
import org.splitmem.model.HostInfo;
import org.splitmem.model.Json;
import org.splitmem.model.LeavingVm;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.LendingState;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.PagePlacement;
import org.splitmem.model.PeerList;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** Hosts with a splitmemd each that moves nothing by itself: the test says what happens. */
public final class FakeHosts implements AutoCloseable {
    private static final long MIB = 1L << 20;

    /** How a host answers. */
    public enum Mood {
        WELL,
        /** Closes connections without an answer. */
        DOWN,
        /** Takes requests, and never answers. */
        HANGS,
        /** Does what it is asked, and answers 500. */
        SAYS_ITS_BROKEN
    }

    private static final class Host {
        private final HttpServer server = new HttpServer();
        private final Map<String, VmInfo> vms = new TreeMap<>();
        private final List<MigrationInfo> migrations = new ArrayList<>();
        private final Map<String, SplitRequest> expected = new TreeMap<>();
        private long freeMb;
        private Mood mood = Mood.WELL;
        private int hanging;
        private PeerList peers = new PeerList(List.of());
        private int tellings;
        private boolean knowsNoTelling;
        private String metrics = "";
        private boolean draining;
        private boolean movesNothing;
        private boolean isOlder;
        private String migrationAsked = "";
        private final Map<String, @Nullable String> requestIds = new TreeMap<>();
    }

    private final Map<String, Host> hosts = new TreeMap<>();
    private final List<String> fences = new ArrayList<>();
    private final Map<String, Runnable> before = new ConcurrentHashMap<>();
    private final Map<String, Runnable> after = new ConcurrentHashMap<>();
    private final Map<String, Integer> completed = new HashMap<>();

    /** What is said of the hypervisor's migration from the next phase on; absent as of earlier daemons. */
    public volatile @Nullable Boolean hypervisorMayStart;

    public FakeHosts(String... names) throws IOException {
        for (String name : names) {
            Host host = new Host();
            host.freeMb = 4096;
            host.server.addListener(new NetworkListener(name, "127.0.0.1", 0));
            host.server.getServerConfiguration().addHttpHandler(handler(name), "/");
            host.server.start();
            hosts.put(name, host);
        }
    }

    private HttpHandler handler(String name) {
        return new HttpHandler() {
            @Override
            public void service(Request request, Response response) throws Exception {
                String body = request.getMethod() == Method.DELETE
                        ? String.valueOf(request.getParameter("reason"))
                        : new String(request.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
                answer(name, request, response, body);
            }
        };
    }

    public List<HostAddress> addresses() {
        List<HostAddress> all = new ArrayList<>();
        hosts.forEach((name, host) -> all.add(
                new HostAddress(name, "127.0.0.1", host.server.getListener(name).getPort())));
        return all;
    }

    @Override
    public void close() {
        hosts.values().forEach(host -> host.server.shutdownNow());
    }

    // ---- the world

    public synchronized void mood(String host, Mood mood) {
        host(host).mood = mood;
    }

    public synchronized void lends(String host, long mb) {
        host(host).freeMb = mb;
    }

    /** @param draining then it lends nothing new */
    public synchronized void drains(String host, boolean draining) {
        host(host).draining = draining;
    }

    public synchronized void runs(String host, UUID vm, long ramMb) {
        put(host, vm, VmState.LOCAL, ramMb, Map.of(), Map.of());
    }

    public synchronized void runsSplit(String host, UUID vm, long ramMb, Map<String, Long> remoteMb) {
        runsSplit(host, vm, ramMb, remoteMb, remoteMb);
    }

    /** @param reservedMb that each sub-host lends */
    public synchronized void runsSplit(
            String host, UUID vm, long ramMb, Map<String, Long> remoteMb, Map<String, Long> reservedMb) {
        put(host, vm, VmState.SPLIT, ramMb, remoteMb, reservedMb);
    }

    /** A split VM of which a sub-host is emptied, which keeps so much. */
    public synchronized void empties(String host, UUID vm, long ramMb, String subHost, long mb) {
        runsSplit(host, vm, ramMb, Map.of(subHost, mb));
        List<MoveInfo> moves = List.of(new MoveInfo(subHost, mb * MIB, 0, null, null, null));
        host(host)
                .vms
                .computeIfPresent(
                        vm.toString(),
                        (uuid, info) -> FakeVm.as(info, info.budgetBytes(), info.reservedBytes(), moves));
    }

    /** What it answers Prometheus. */
    public synchronized void metrics(String host, String text) {
        host(host).metrics = text;
    }

    private void put(
            String host, UUID vm, VmState state, long ramMb, Map<String, Long> remoteMb, Map<String, Long> reservedMb) {
        host(host).vms.put(vm.toString(), FakeVm.of(vm, state, ramMb, remoteMb, reservedMb));
    }

    /** A split VM is gathered: its sub-hosts have pages still. */
    public synchronized void gathers(String host, UUID vm) {
        VmInfo now = host(host).vms.get(vm.toString());
        host(host).vms.put(vm.toString(), FakeVm.as(now, now.ramBytes(), now.reservedBytes(), now.moves()));
    }

    /** It lets no VM migrate to a sub-host of its own. */
    public synchronized void isOlder(String host) {
        host(host).isOlder = true;
    }

    /** What the last migration from a host was asked for with. */
    public synchronized String migrationAsked(String host) {
        return host(host).migrationAsked;
    }

    /** Each time that a host is asked that, and before it does it: "POST vms move-pages", say. */
    public void before(String what, Runnable then) {
        before.put(what, then);
    }

    /** Each time that a host knows what it will answer, and before it does. */
    public void after(String what, Runnable then) {
        after.put(what, then);
    }

    /** As one without room for what is to be moved, or that has other reasons. */
    public synchronized void movesNothing(String host, boolean nothing) {
        host(host).movesNothing = nothing;
    }

    private Object movePages(String host, String vm, MovePagesRequest request) {
        VmInfo now = host(host).vms.get(vm);
        if (now == null || host(host).movesNothing) {
            return ErrorBody.of("no-room", "no room for it");
        }
        if (!now.moves().isEmpty()) {
            return ErrorBody.of("being-emptied", "it is being emptied already");
        }
        for (SubHostShare share : request.to()) {
            Long bytes = share.bytes();
            moves(host, UUID.fromString(vm), request.from(), share.host(), bytes == null ? 0 : bytes / MIB + 16);
        }
        return Map.of();
    }

    private static Object keepPages(Host host, String uuid) {
        VmInfo vm = host.vms.get(uuid);
        host.vms.put(uuid, FakeVm.as(vm, vm.budgetBytes(), vm.reservedBytes(), List.of()));
        return Map.of();
    }

    private LendingInfo lending(String name) {
        Host host = host(name);
        List<LeavingVm> leaving = new ArrayList<>();
        hosts.forEach((main, its) -> its.vms.values().forEach(vm -> {
            Long reserved = vm.reservedBytes().get(name);
            if (host.draining && reserved != null) {
                boolean moving = !vm.moves().isEmpty();
                String trouble = moving ? null : "give hosts that take them, with --to";
                leaving.add(new LeavingVm(vm.uuid(), vm.name(), main, reserved, reserved, moving, trouble));
            }
        }));
        LendingState state =
                !host.draining ? LendingState.LENDING : leaving.isEmpty() ? LendingState.EMPTY : LendingState.DRAINING;
        return new LendingInfo(name, state, 0, 0, null, 0, 0, 0, 0, null, leaving);
    }

    private LendingInfo draining(String name, boolean draining) {
        host(name).draining = draining;
        return lending(name);
    }

    /** A split VM's sub-host is emptied, and this one takes its pages. */
    public synchronized void moves(String host, UUID vm, String from, String to, long mb) {
        VmInfo now = host(host).vms.get(vm.toString());
        Map<String, Long> reserved = new TreeMap<>(now.reservedBytes());
        reserved.put(to, mb * MIB);
        host(host)
                .vms
                .put(
                        vm.toString(),
                        FakeVm.as(
                                now,
                                now.budgetBytes(),
                                reserved,
                                List.of(new MoveInfo(from, MIB, 0, null, null, null))));
    }

    /** What the main host of a split VM kept before it ran it leaves its store. */
    public synchronized void emptiesItself(String host, UUID vm) {
        VmInfo now = host(host).vms.get(vm.toString());
        List<MoveInfo> moves = List.of(new MoveInfo(host, MIB, 0, null, null, null));
        host(host).vms.put(vm.toString(), FakeVm.as(now, now.budgetBytes(), now.reservedBytes(), moves));
    }

    /** A split VM has nothing there any more. */
    public synchronized void leaves(String host, UUID vm, String subHost) {
        VmInfo now = host(host).vms.get(vm.toString());
        Map<String, Long> reserved = new TreeMap<>(now.reservedBytes());
        reserved.remove(subHost);
        host(host).vms.put(vm.toString(), FakeVm.as(now, now.budgetBytes(), reserved, now.moves()));
    }

    /** What was to be emptied is. */
    public synchronized void moved(String host, UUID vm) {
        VmInfo now = host(host).vms.get(vm.toString());
        Map<String, Long> reserved = new TreeMap<>(now.reservedBytes());
        now.moves().forEach(move -> reserved.remove(move.from()));
        host(host).vms.put(vm.toString(), FakeVm.as(now, now.budgetBytes(), reserved, List.of()));
    }

    /** Has had these sub-hosts reserve for a VM that has not started. */
    public synchronized void expects(String host, UUID vm, String... subHosts) {
        Map<String, Long> none = new TreeMap<>();
        List.of(subHosts).forEach(name -> none.put(name, 0L));
        put(host, vm, VmState.EXPECTED, 512, none, none);
    }

    /** A VM that ended split: its host would start it so again. */
    public synchronized void defines(String host, UUID vm, String subHost) {
        put(host, vm, VmState.DEFINED, 512, Map.of(subHost, 0L), Map.of());
        host(host).expected.put(vm.toString(), new SplitRequest("db1", 512 * MIB, 256 * MIB, List.of()));
    }

    /** Whether it knows how to split a VM that is not there. */
    public synchronized boolean wouldSplit(String host, UUID vm) {
        return host(host).expected.containsKey(vm.toString());
    }

    public synchronized void stops(String host, UUID vm) {
        host(host).vms.remove(vm.toString());
    }

    /** The newest migration from a host is where the test says; DONE and FAILED_AFTER_HANDOVER move the VM. */
    public synchronized void phase(String host, MigrationPhase phase, String reason) {
        List<MigrationInfo> all = host(host).migrations;
        MigrationInfo m = all.get(all.size() - 1);
        all.set(
                all.size() - 1,
                new MigrationInfo(
                        m.id(),
                        m.vm(),
                        m.name(),
                        phase,
                        m.source(),
                        m.destination(),
                        m.subHosts(),
                        m.budgetBytes(),
                        m.handover(),
                        1,
                        1000,
                        600,
                        400,
                        50,
                        20,
                        8L,
                        5,
                        null,
                        phase == MigrationPhase.DONE ? 7.5 : null,
                        reason,
                        PagePlacement.NONE,
                        m.novaMigrationUuid(),
                        m.requestId(),
                        m.vmEnded(),
                        hypervisorMayStart,
                        m.splitKind()));
        if (phase == MigrationPhase.DONE || phase == MigrationPhase.FAILED_AFTER_HANDOVER) {
            VmInfo before = host(m.source()).vms.get(m.vm());
            stops(m.source(), UUID.fromString(m.vm()));
            if (before != null && before.state() == VmState.SPLIT) { // its sub-hosts stay
                Map<String, Long> reserved = new TreeMap<>(before.reservedBytes());
                m.subHosts().forEach(share -> {
                    if (share.bytes() != null) {
                        reserved.put(share.host(), share.bytes() + 16 * MIB);
                    }
                });
                host(m.destination()).vms.put(m.vm(), FakeVm.as(before, m.budgetBytes(), reserved, before.moves()));
                return;
            }
            Map<String, Long> remote = new TreeMap<>();
            m.subHosts().forEach(share -> remote.put(share.host(), share.bytes() / MIB));
            put(
                    m.destination(),
                    UUID.fromString(m.vm()),
                    remote.isEmpty() ? VmState.LOCAL : VmState.SPLIT,
                    512,
                    remote,
                    remote);
        }
    }

    /** As a splitmemd that was started anew. */
    public synchronized void forgetMigrations(String host) {
        host(host).migrations.clear();
    }

    public synchronized List<MigrationInfo> migrationsFrom(String host) {
        return List.copyOf(host(host).migrations);
    }

    /** Who is expected to be split on a host, and how, in bytes. */
    public synchronized Map<String, Long> expectedOn(String host, UUID vm) {
        SplitRequest request = host(host).expected.get(vm.toString());
        Map<String, Long> shares = new TreeMap<>();
        if (request != null) {
            for (SubHostShare share : request.subHosts()) {
                shares.put(share.host(), share.bytes());
            }
        }
        return shares;
    }

    /** Of which host and VM it was said that they are dead. */
    public synchronized List<String> fences() {
        return List.copyOf(fences);
    }

    /** How many requests it has left without an answer. */
    public synchronized int hanging(String host) {
        return host(host).hanging;
    }

    /** The request that the last one of this method and path was a part of, as its caller said. */
    public synchronized @Nullable String requestId(String host, String methodAndPath) {
        return host(host).requestIds.get(methodAndPath);
    }

    public synchronized int completions(String host) {
        return completed.getOrDefault(host, 0);
    }

    private Host host(String name) {
        Host host = hosts.get(name);
        if (host == null) {
            throw new IllegalArgumentException("no such host: " + name);
        }
        return host;
    }

    /** What a host was told of the others. */
    public synchronized PeerList peers(String host) {
        return host(host).peers;
    }

    /** How often a host was told of the others. */
    public synchronized int tellings(String host) {
        return host(host).tellings;
    }

    /** It is older than that. */
    public synchronized void knowsNoTelling(String host) {
        host(host).knowsNoTelling = true;
    }

    // ---- the API

    private void answer(String name, Request request, Response response, String body) throws IOException {
        String asked = request.getMethod() + " " + request.getRequestURI();
        String[] parts = request.getRequestURI().substring(1).split("/");
        String what = what(request.getMethod().getMethodString(), parts);
        before.getOrDefault(what, () -> {}).run();
        Mood mood;
        Object answer;
        synchronized (this) {
            mood = host(name).mood;
            host(name).requestIds.put(asked, request.getHeader("X-Openstack-Request-Id"));
            if (mood == Mood.HANGS) {
                host(name).hanging++;
                response.suspend();
                return;
            }
            if (!"Bearer key".equals(request.getHeader("Authorization"))) {
                answer = ErrorBody.of("unauthorized", "wrong key");
            } else {
                answer = mood == Mood.DOWN || parts[0].equals("metrics")
                        ? host(name).metrics
                        : reply(name, what, parts, body);
            }
        }
        after.getOrDefault(what, () -> {}).run();
        if (mood == Mood.DOWN) {
            request.getRequest().getConnection().terminateSilently();
            throw new IOException("cut");
        }
        response.setStatus(
                mood == Mood.SAYS_ITS_BROKEN ? 500 : answer instanceof ErrorBody error ? status(error) : 200);
        response.setContentType("application/json");
        response.getOutputStream()
                .write(answer instanceof String text ? text.getBytes(StandardCharsets.UTF_8) : Json.writeBytes(answer));
    }

    private static int status(ErrorBody error) {
        return switch (error.error().code()) {
            case "handed-over", "vm-split", "host-not-fenced", "being-emptied", "not-being-drained" -> 409;
            case "no-room" -> 507;
            case "unauthorized" -> 401;
            case "destination-is-sub-host" -> 400;
            default -> 404;
        };
    }

    private static String what(String method, String[] parts) {
        String first = parts.length > 1 ? parts[1] : parts[0]; // of the metrics, which have no version
        return method + " " + first + (parts.length > 3 ? " " + parts[3] : parts.length > 2 ? " *" : "");
    }

    private Object reply(String name, String what, String[] parts, String body) {
        Host host = host(name);
        return switch (what) {
            case "GET host" ->
                new HostInfo(
                        name,
                        "1",
                        1,
                        "6.7",
                        4096 * MIB,
                        0,
                        0,
                        host.draining ? 0 : host.freeMb * MIB,
                        0,
                        null,
                        null,
                        null,
                        host.draining ? true : null);
            case "GET peers" -> orNotFound(host.knowsNoTelling ? null : host.peers);
            case "PUT peers" -> {
                if (host.knowsNoTelling) {
                    yield ErrorBody.of("not-found", what);
                }
                host.peers = Json.read(body, PeerList.class);
                host.tellings++;
                yield Map.of();
            }
            case "GET vms" -> List.copyOf(host.vms.values());
            case "GET vms *" -> orNotFound(host.vms.get(parts[2]));
            case "POST vms migrations" -> {
                host.migrationAsked = body;
                yield begin(name, parts[2], Json.read(body, MigrationRequest.class));
            }
            case "GET migrations" -> List.copyOf(host.migrations);
            case "GET migrations *" ->
                orNotFound(host.migrations.stream()
                        .filter(m -> m.id().equals(parts[2]))
                        .findFirst()
                        .orElse(null));
            case "DELETE migrations *" -> abort(name, body);
            case "POST migrations complete" -> {
                completed.merge(name, 1, Integer::sum);
                yield Map.of();
            }
            case "POST vms move-pages" -> movePages(name, parts[2], Json.read(body, MovePagesRequest.class));
            case "DELETE vms move-pages" -> keepPages(host, parts[2]);
            case "GET lending" -> lending(name);
            case "POST lending *" -> draining(name, true);
            case "DELETE lending *" ->
                host.draining ? draining(name, false) : ErrorBody.of("not-being-drained", "it is not");
            case "POST fences" -> fence(Json.read(body, FenceRequest.class));
            case "POST vms split" -> {
                host.expected.put(parts[2], Json.read(body, SplitRequest.class));
                yield Map.of();
            }
            case "DELETE vms split" -> orNotFound(host.expected.remove(parts[2]));
            default -> ErrorBody.of("not-found", what);
        };
    }

    private Object fence(FenceRequest request) {
        if (host(request.host()).mood == Mood.WELL
                && host(request.host()).vms.containsKey(String.valueOf(request.vm()))) {
            return ErrorBody.of("host-not-fenced", "VM " + request.vm() + " runs on " + request.host());
        }
        fences.add(request.host() + " " + request.vm());
        return new FenceResult(List.of(), List.of(), List.of());
    }

    private static Object orNotFound(Object value) {
        return value == null ? ErrorBody.of("not-found", "there is none") : value;
    }

    private Object begin(String source, String vm, MigrationRequest request) {
        VmInfo now = host(source).vms.get(vm);
        if (now == null) {
            return ErrorBody.of("vm-not-found", "no split-ready VM \"" + vm + "\" runs on " + source);
        }
        if (host(source).isOlder && now.reservedBytes().containsKey(request.destination())) {
            return ErrorBody.of("destination-is-sub-host", request.destination() + " is a sub-host of VM db1");
        }
        MigrationInfo info = new MigrationInfo(
                request.id() == null ? UUID.randomUUID().toString() : request.id(),
                vm,
                "db1",
                MigrationPhase.PLANNED,
                source,
                request.destination(),
                request.subHosts(),
                request.budgetBytes() == null ? 512 * MIB : request.budgetBytes(),
                Handover.HYBRID,
                0,
                0,
                0,
                0,
                0,
                0,
                null,
                5,
                null,
                null,
                null,
                PagePlacement.NONE,
                request.novaMigrationUuid(),
                null,
                null,
                false,
                null);
        host(source).migrations.add(info);
        return info;
    }

    private Object abort(String name, String reason) {
        List<MigrationInfo> all = host(name).migrations;
        MigrationInfo last = all.get(all.size() - 1);
        if (!last.phase().canAbort()) {
            return ErrorBody.of("handed-over", "the guest runs at " + last.destination());
        }
        phase(name, MigrationPhase.ABORTED, reason);
        return Map.of();
    }
}
