package org.splitmem.bridge.daemon;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;
import org.splitmem.bridge.http.Answer;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.http.Deadline;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;
import org.splitmem.model.AbortReason;
import org.splitmem.model.DrainRequest;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.FenceResult;
import org.splitmem.model.HostInfo;
import org.splitmem.model.Json;
import org.splitmem.model.JsonFaults;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.PeerList;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.UrlText;
import org.splitmem.model.VmInfo;

/** The control APIs of all hosts. Any thread; every call is bounded in time. */
public final class Daemons implements AutoCloseable {
    /** What is wrong with a host that no address is known of. */
    public static final String NOT_REGISTERED =
            "has not registered: its nova-compute, with the driver of splitmem, does so when it starts";

    private static final int AT_ONCE = 32;

    /** So many seconds the host has for its answer: what it asks other hosts for is over by then. */
    private static final String TIMEOUT_HEADER = "X-Splitmem-Timeout";

    /** For the answer's way, and what the host does when its time is over. */
    private static final long MARGIN_MS = 500;

    /** At least: a host asks for 8 s whether the other one is dead, which must not be cut short, and then all others for 8 s. */
    private static final Duration FENCING = Duration.ofSeconds(20);

    private static final String UUID_FORM = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";

    /** Hosts may be newer than the bridge and tell more than it knows. */
    private static final ObjectMapper LENIENT = Json.mapper()
            .copy()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NUMBERS_FOR_ENUMS);

    private static final TypeReference<List<VmInfo>> VMS = new TypeReference<>() {};
    private static final TypeReference<List<MigrationInfo>> MIGRATIONS = new TypeReference<>() {};
    private static final TypeReference<VmInfo> VM = new TypeReference<>() {};
    private static final TypeReference<MigrationInfo> MIGRATION = new TypeReference<>() {};
    private static final TypeReference<FenceResult> FENCED = new TypeReference<>() {};
    private static final TypeReference<HostInfo> HOST = new TypeReference<>() {};
    private static final TypeReference<LendingInfo> LENDING = new TypeReference<>() {};
    private static final TypeReference<PeerList> PEERS = new TypeReference<>() {};

    private static final Map<Kind, String> REMEDIES = Map.of(
            Kind.UNAUTHORIZED, "has the host the same cluster key as nova-bridge? See cluster.key-file of both",
            Kind.NOT_FOUND, "is the address that GET /v1/hosts shows that of its splitmemd?",
            Kind.REDIRECTED, "is the address that GET /v1/hosts shows that of its splitmemd?",
            Kind.TIMEOUT, "is the host overloaded, or cut off? The limit is daemon.timeout-ms",
            Kind.MALFORMED, "is it a splitmemd, of a version that goes with nova-bridge?");

    private final Directory directory;
    private final String authorization;
    private final Caller caller;
    private final Caller fencing;
    private final SlowHosts slow = new SlowHosts(System::nanoTime);
    private final ExecutorService threads;

    /** @param key of the cluster */
    public Daemons(Directory directory, String key, Duration limit) {
        this.directory = directory;
        this.authorization = "Bearer " + key;
        this.caller = new Caller("splitmemd", limit, REMEDIES);
        this.fencing = new Caller("splitmemd", limit.compareTo(FENCING) < 0 ? FENCING : limit, REMEDIES);
        this.threads = Executors.newFixedThreadPool(AT_ONCE, task -> {
            Thread thread = new Thread(task, "daemons");
            thread.setDaemon(true);
            return thread;
        });
    }

    /** What all hosts say of themselves, asked at once; one line each, by name. */
    public List<HostReport> reports() {
        return all(this::report);
    }

    /** As {@link #reports}, for those who ask again and again: who kept one waiting in vain is not waited for again for some seconds. */
    public List<HostReport> quickReports() {
        return all(host -> slow.ask(host.toString(), () -> report(host)));
    }

    private HostReport report(HostAddress host) {
        long start = System.nanoTime();
        try {
            HostInfo info = read(send(host, "GET", "/v1/host", null).orThrow(), HOST);
            if (!info.name().equals(host.name())) {
                // What it keeps would be booked for another host.
                return new HostReport(
                        host, null, "the splitmemd at " + host.authority() + " is that of " + info.name(), 0);
            }
            return new HostReport(host, info, null, (System.nanoTime() - start) / 1000);
        } catch (ServiceException e) {
            return new HostReport(host, null, e.text(), 0);
        }
    }

    /**
     * What a host said of its VMs.
     *
     * @param vms absent if it did not answer
     */
    public record VmReport(
            String host,
            @Nullable List<VmInfo> vms,
            @Nullable String error) {}

    /** The VMs of all hosts, asked at once. */
    public List<VmReport> vms() {
        return all(host -> {
            try {
                Answer answer = send(host, "GET", "/v1/vms", null).orThrow();
                return new VmReport(host.name(), checked(answer, read(answer, VMS)), null);
            } catch (ServiceException e) {
                return new VmReport(host.name(), null, e.text());
            }
        });
    }

    /** What a host's splitmemd counts, in the form of Prometheus; empty if it does not say. */
    public Optional<String> metrics(String host) {
        try {
            return Optional.of(call(host, "GET", "/metrics", null).orThrow().body());
        } catch (ServiceException e) {
            return Optional.empty(); // the next reading covers the gap
        }
    }

    private interface Question<T> {
        T ask(HostAddress host);
    }

    private <T> List<T> all(Question<T> question) {
        Map<String, String> context = MDC.getCopyOfContextMap();
        Long deadline = Deadline.current();
        List<CompletableFuture<T>> asked = new ArrayList<>();
        for (HostAddress host : directory.hosts()) {
            asked.add(CompletableFuture.supplyAsync(() -> ask(question, host, context, deadline), threads));
        }
        return asked.stream().map(CompletableFuture::join).toList();
    }

    /**
     * As the thread that wants to know.
     *
     * @param context which request that works on
     * @param deadline until when that has to be answered
     */
    @SuppressWarnings("try") // a scope
    private static <T> T ask(
            Question<T> question, HostAddress host, @Nullable Map<String, String> context, @Nullable Long deadline) {
        MDC.setContextMap(context == null ? Map.of() : context);
        try (Deadline.Scope unused = Deadline.of(deadline)) {
            return question.ask(host);
        } finally {
            MDC.clear();
        }
    }

    /** A VM on a host; empty if that does not know it. */
    public Optional<VmInfo> vm(String host, UUID instance) throws ServiceException {
        Answer answer = call(host, "GET", "/v1/vms/" + instance, null);
        if (answer.saysThereIsNone()) {
            return Optional.empty();
        }
        VmInfo vm = read(answer.orThrow(), VM);
        if (!vm.uuid().equals(instance.toString())) {
            throw answer.malformed("that is VM " + vm.uuid());
        }
        return Optional.of(vm);
    }

    /** Has pages of a split VM move from one of its sub-hosts to others. */
    public void movePages(String host, UUID instance, MovePagesRequest request) throws ServiceException {
        call(host, "POST", "/v1/vms/" + instance + "/move-pages", request)
                .orThrow()
                .json();
    }

    /** Ends that: what has not moved stays. */
    public void keepPages(String host, UUID instance, String from) throws ServiceException {
        call(host, "DELETE", "/v1/vms/" + instance + "/move-pages/" + UrlText.segment(from), null)
                .orThrow();
    }

    /** What a host lends, and what is to leave it. */
    public LendingInfo lending(String host) throws ServiceException {
        return read(call(host, "GET", "/v1/lending", null).orThrow(), LENDING);
    }

    /** From now on a host lends nothing new, and what it keeps for VMs of other hosts is to leave. */
    public LendingInfo drain(String host) throws ServiceException {
        return read(
                call(host, "POST", "/v1/lending/drain", new DrainRequest(List.of()))
                        .orThrow(),
                LENDING);
    }

    /** It lends again. @throws ServiceException of kind CONFLICT if it was not drained */
    public LendingInfo cancelDrain(String host) throws ServiceException {
        return read(call(host, "DELETE", "/v1/lending/drain", null).orThrow(), LENDING);
    }

    /** Begins a migration of a VM that runs on {@code source}. */
    public MigrationInfo migrate(String source, UUID instance, MigrationRequest request) throws ServiceException {
        return read(
                call(source, "POST", "/v1/vms/" + instance + "/migrations", request)
                        .orThrow(),
                MIGRATION);
    }

    /** A migration from a host; empty if that does not remember it. */
    public Optional<MigrationInfo> migration(String source, String id) throws ServiceException {
        Answer answer = call(source, "GET", "/v1/migrations/" + UrlText.segment(id), null);
        return answer.saysThereIsNone() ? Optional.empty() : Optional.of(read(answer.orThrow(), MIGRATION));
    }

    /** The migrations from a host, newest first. */
    public List<MigrationInfo> migrations(String source) throws ServiceException {
        Answer answer = call(source, "GET", "/v1/migrations", null).orThrow();
        return present(answer, read(answer, MIGRATIONS));
    }

    /**
     * Has a migration given up.
     *
     * @param reason who wants it and why; becomes the migration's own
     * @throws ServiceException of kind CONFLICT if the guest runs at the destination already
     */
    public void abort(String source, String id, String reason) throws ServiceException {
        call(
                        source,
                        "DELETE",
                        "/v1/migrations/" + UrlText.segment(id)
                                + AbortReason.because(reason).query(),
                        null)
                .orThrow()
                .json();
    }

    /** No more rounds: ready now. */
    public void complete(String source, String id) throws ServiceException {
        call(source, "POST", "/v1/migrations/" + UrlText.segment(id) + "/complete", null)
                .orThrow()
                .json();
    }

    /** Splits a VM on its host: at once if it runs, else when it starts. */
    public void split(String host, UUID instance, String name, long ramBytes, long budgetBytes, List<SubHostShare> to)
            throws ServiceException {
        SplitRequest request = new SplitRequest(name, ramBytes, budgetBytes, to);
        call(host, "POST", "/v1/vms/" + instance + "/split", request).orThrow().json();
    }

    /** Takes back what {@link #split} asked for a VM that has not started; nothing to take back is well, too. */
    public void takeBackSplit(String host, UUID instance) throws ServiceException {
        Answer answer = call(host, "DELETE", "/v1/vms/" + instance + "/split", null);
        if (!answer.saysThereIsNone()) {
            answer.orThrow();
        }
    }

    /**
     * Has a host state to all others that a VM's former host is dead.
     *
     * @throws ServiceException of kind CONFLICT if that answers, and runs the VM
     */
    public FenceResult fence(String via, String dead, UUID instance) throws ServiceException {
        return read(
                send(fencing, address(via), "POST", "/v1/fences", new FenceRequest(dead, instance))
                        .orThrow(),
                FENCED);
    }

    /** The hosts that a host was told of last. */
    public PeerList peers(String host) throws ServiceException {
        return read(call(host, "GET", "/v1/peers", null).orThrow(), PEERS);
    }

    public void tellPeers(String host, PeerList peers) throws ServiceException {
        call(host, "PUT", "/v1/peers", peers).orThrow();
    }

    /** For what waits for hosts, and is not waited for. */
    public Executor background() {
        return threads;
    }

    private Answer call(String host, String method, String path, @Nullable Object body) throws ServiceException {
        return send(address(host), method, path, body);
    }

    private HostAddress address(String host) throws ServiceException {
        return directory
                .find(host)
                .orElseThrow(() -> new ServiceException(Kind.UNREACHABLE, "", "host " + host + " " + NOT_REGISTERED));
    }

    private Answer send(HostAddress host, String method, String path, @Nullable Object body) throws ServiceException {
        return send(caller, host, method, path, body);
    }

    private Answer send(Caller with, HostAddress host, String method, String path, @Nullable Object body)
            throws ServiceException {
        long seconds = Math.max(1, (with.leftMs() - MARGIN_MS) / 1000);
        Map<String, String> headers =
                Map.of("Authorization", authorization, TIMEOUT_HEADER, Long.toString(Math.min(seconds, 600)));
        return with.send(host.name(), method, URI.create("http://" + host.authority() + path), headers, body);
    }

    /** One VM without a proper name would stop the reconciliation of all. */
    private static List<VmInfo> checked(Answer answer, List<VmInfo> vms) throws ServiceException {
        for (VmInfo vm : present(answer, vms)) {
            if (!vm.uuid().matches(UUID_FORM)) {
                throw answer.malformed("not a uuid: " + vm.uuid());
            }
        }
        return vms;
    }

    private static <T> List<T> present(Answer answer, List<T> values) throws ServiceException {
        if (values.contains(null)) {
            throw answer.malformed("null in a list");
        }
        return values;
    }

    private static <T> T read(Answer answer, TypeReference<T> type) throws ServiceException {
        try {
            T value = LENIENT.readValue(answer.body(), type);
            if (value != null) {
                return value;
            }
            throw answer.malformed("null instead of a value");
        } catch (JsonProcessingException e) {
            throw answer.malformed("not what was expected: " + JsonFaults.explain(e));
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
