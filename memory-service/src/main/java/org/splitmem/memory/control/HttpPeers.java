package org.splitmem.memory.control;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.drain.MainHosts;
import org.splitmem.memory.migration.PeerDirectory;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.migration.PeerRefusalException;
import org.splitmem.memory.migration.RequestId;
import org.splitmem.memory.migration.RequestTime;
import org.splitmem.memory.migration.UnreachableException;
import org.splitmem.memory.net.Transport;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.HostInfo;
import org.splitmem.model.HostStatus;
import org.splitmem.model.InvalidJsonException;
import org.splitmem.model.Json;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.PeerAddress;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.UrlText;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** The other hosts' control APIs. Any thread; every call is bounded in time, those for one request also together: {@link RequestTime}. */
public final class HttpPeers implements PeerHosts, MainHosts {
    private static final Duration ANSWER = Duration.ofSeconds(20);
    /** For a question that is answered within that host's PeerResource, while libvirt's hook waits. */
    private static final Duration SHORT_WAIT = Duration.ofSeconds(8);

    private final PeerDirectory directory;
    private final int dataPort;
    private final String bearer;
    private final HttpClient client = Transport.controlClient();

    /** @param key of the cluster */
    public HttpPeers(PeerDirectory directory, int dataPort, String key) {
        this.directory = directory;
        this.dataPort = dataPort;
        this.bearer = "Bearer " + key;
    }

    PeerDirectory directory() {
        return directory;
    }

    @Override
    public List<Peer> all() {
        return directory.all().stream()
                .map(peer -> new Peer(peer.name(), peer.address(), dataPort))
                .toList();
    }

    @Override
    public Peer find(String name) throws IOException {
        PeerAddress peer = directory.find(name);
        return new Peer(peer.name(), peer.address(), dataPort);
    }

    HostInfo info(String name) throws IOException {
        return read(name, call(name, "GET", "/v1/host", null), HostInfo.class);
    }

    @Override
    public void reserve(Peer peer, Reservation reservation) throws IOException {
        call(peer.name(), "POST", "/v1/reservations", reservation);
    }

    @Override
    public void release(Peer peer, UUID vm, String token) throws IOException {
        call(peer.name(), "DELETE", "/v1/reservations/" + vm + "?token=" + UrlText.query(token), null);
    }

    @Override
    public void nameNextOwner(Peer peer, NextOwner named) throws IOException {
        call(peer.name(), "PUT", "/v1/reservations/" + named.vm() + "/next-owner", named);
    }

    @Override
    public void prepareIncoming(Peer peer, Incoming incoming) throws IOException {
        call(peer.name(), "POST", "/v1/incoming", incoming);
    }

    @Override
    public void cancelIncoming(Peer peer, UUID vm, String token) throws IOException {
        call(peer.name(), "DELETE", "/v1/incoming/" + vm + "?token=" + UrlText.query(token), null);
    }

    @Override
    public void arrived(Peer source, UUID vm, String token) throws IOException {
        call(source.name(), "DELETE", "/v1/outgoing/" + vm + "?token=" + UrlText.query(token), null);
    }

    @Override
    public Fate fate(Peer source, UUID vm, String token) throws IOException {
        byte[] answer = call(source.name(), "GET", "/v1/outgoing/" + vm + "/fate?token=" + UrlText.query(token), null);
        return Json.read(answer, Fate.class);
    }

    @Override
    public Arrival arrival(Peer destination, UUID vm, String token, long epoch) throws IOException {
        String path = "/v1/incoming/" + vm + "/arrival?token=" + UrlText.query(token) + "&epoch=" + epoch;
        HttpResponse<byte[]> answer = send(destination.name(), "GET", path, null, SHORT_WAIT);
        check(destination.name(), answer);
        return Json.read(answer.body(), Arrival.class);
    }

    @Override
    public boolean wantsStores(Peer source, UUID vm) throws IOException {
        return Json.read(call(source.name(), "GET", "/v1/outgoing/" + vm + "/wants-stores", null), Boolean.class);
    }

    @Override
    public Fenced fence(Peer peer, String host, @Nullable UUID vm) throws IOException {
        HttpResponse<byte[]> answer = send(peer.name(), "POST", "/v1/fenced", new FenceRequest(host, vm), SHORT_WAIT);
        check(peer.name(), answer);
        return Json.read(answer.body(), Fenced.class);
    }

    @Override
    public boolean runs(Peer peer, @Nullable UUID vm) throws IOException {
        HttpResponse<byte[]> answer =
                send(peer.name(), "GET", vm == null ? "/v1/host" : "/v1/vms/" + vm, null, SHORT_WAIT);
        if (vm == null) {
            return true; // whatever it says
        }
        if (answer.statusCode() == 404 && refusal(peer.name(), answer).refusal().is(RefusalCode.VM_NOT_FOUND)) {
            return false;
        }
        check(peer.name(), answer);
        VmInfo found = Json.read(answer.body(), VmInfo.class);
        VmState state = found.state();
        return found.uuid().equals(vm.toString()) // and not another one, whose name looks like it
                && state != VmState.EXPECTED
                && state != VmState.DEFINED;
    }

    @Override
    public boolean reaches(Peer witness, String host) throws IOException {
        HttpResponse<byte[]> answer = send(witness.name(), "GET", "/v1/hosts", null, SHORT_WAIT);
        check(witness.name(), answer);
        return Arrays.stream(Json.read(answer.body(), HostStatus[].class))
                .anyMatch(status -> status.name().equals(host) && status.reachable());
    }

    // ---- of a host that is to be emptied

    @Override
    public List<String> names() {
        return directory.all().stream().map(PeerAddress::name).toList();
    }

    @Override
    public void requireKnown(String host) throws IOException {
        directory.find(host);
    }

    @Override
    public List<VmInfo> vms(String host) throws IOException {
        return List.of(read(host, call(host, "GET", "/v1/vms", null), VmInfo[].class));
    }

    @Override
    public void movePages(String host, UUID vm, MovePagesRequest request) throws IOException {
        call(host, "POST", "/v1/vms/" + vm + "/move-pages", request);
    }

    @Override
    public void keepPages(String host, UUID vm, String from) throws IOException {
        call(host, "DELETE", "/v1/vms/" + vm + "/move-pages/" + UrlText.segment(from), null);
    }

    @Override
    public long roomOf(String host) throws IOException {
        return info(host).freeBytes();
    }

    /** What another host says of its lending, after a request about it. */
    LendingInfo lending(String host, String method, String path, @Nullable Object body) throws IOException {
        return read(host, call(host, method, "/v1/lending" + path, body), LendingInfo.class);
    }

    /** How far the migration of another host's VM to here is. */
    enum Readiness {
        READY,
        NOT_YET,
        /** It has no such VM. */
        NO_VM
    }

    /**
     * Waits for some seconds until a VM of another host is ready to migrate here.
     *
     * @param start whether that host may begin the migration, if there is none
     * @param nearly whether it is enough that it is about to be ready
     * @throws IOException also if the migration has ended
     */
    Readiness awaitReady(String name, UUID vm, String destination, boolean start, boolean nearly) throws IOException {
        String query = "?start=" + start + "&nearly=" + nearly + "&destination=" + UrlText.query(destination);
        HttpResponse<byte[]> answer = send(name, "POST", "/v1/outgoing/" + vm + "/ready" + query, null, SHORT_WAIT);
        if (answer.statusCode() == 404) {
            return Readiness.NO_VM;
        }
        check(name, answer);
        return answer.statusCode() == 202 ? Readiness.NOT_YET : Readiness.READY;
    }

    /** @throws IOException if it is not that: of another version, or no splitmemd */
    private static <T> T read(String name, byte[] answer, Class<T> type) throws IOException {
        try {
            return Json.read(answer, type);
        } catch (InvalidJsonException e) {
            throw new IOException(
                    "host " + name + " answers in another way than this version knows (" + e.getMessage()
                            + "): install the same version of splitmem on all hosts",
                    e);
        }
    }

    private byte[] call(String name, String method, String path, @Nullable Object body) throws IOException {
        HttpResponse<byte[]> answer = send(name, method, path, body, ANSWER);
        check(name, answer);
        return answer.body();
    }

    private HttpResponse<byte[]> send(String name, String method, String path, @Nullable Object body, Duration limit)
            throws IOException {
        PeerAddress peer = directory.find(name);
        Duration left = RequestTime.left(limit);
        if (left.isZero() || left.isNegative()) {
            throw new UnreachableException("host " + name + " was not asked: the time for the request is over");
        }
        HttpRequest.BodyPublisher publisher = body == null
                ? HttpRequest.BodyPublishers.noBody()
                : HttpRequest.BodyPublishers.ofByteArray(Json.writeBytes(body));
        HttpRequest.Builder builder = HttpRequest.newBuilder(
                        Transport.controlUri(peer.address(), peer.controlPort(), path))
                .method(method, publisher)
                .header("Authorization", bearer)
                .header("Content-Type", "application/json");
        String requestId = RequestId.current();
        if (requestId != null) {
            builder.header(RequestId.HEADER, requestId); // the logs of all hosts tell of one request
        }
        CompletableFuture<HttpResponse<byte[]>> answer =
                client.sendAsync(builder.build(), HttpResponse.BodyHandlers.ofByteArray());
        try {
            return answer.get(
                    left.toNanos(), TimeUnit.NANOSECONDS); // all of it: the client's own limit is for the head
        } catch (TimeoutException e) {
            throw unreachable(peer, "no whole answer within " + left.toMillis() + " ms", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while asking " + name, e);
        } catch (ExecutionException e) {
            // The JDK's client says nothing of a refused connection.
            String why = e.getCause() == null ? null : e.getCause().getMessage();
            throw unreachable(peer, why == null ? "no connection; is splitmemd running there?" : why, e);
        } finally {
            answer.cancel(true);
        }
    }

    private static UnreachableException unreachable(PeerAddress peer, String why, Exception cause) {
        return new UnreachableException(
                "host " + peer.name() + " (" + peer.address() + ":" + peer.controlPort() + ") does not answer: " + why,
                cause);
    }

    private static void check(String name, HttpResponse<byte[]> answer) throws IOException {
        if (answer.statusCode() / 100 == 2) {
            return;
        }
        throw refusal(name, answer);
    }

    private static PeerRefusalException refusal(String name, HttpResponse<byte[]> answer) {
        Refusal refusal = Refusal.read(answer.statusCode(), answer.body());
        return new PeerRefusalException(refusal.saying("host " + name + " refused: " + refusal.message()));
    }
}
