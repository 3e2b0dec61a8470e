package org.splitmem.bridge.gate;

import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.http.Deadline;
import org.splitmem.bridge.keystone.Identity;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;

/**
 * One request: who sends it, whether that is allowed, its body, the work, its answer; in this order, so that nothing is read or done for those who
 * may not ask.
 *
 * <p>Each step ends with the next or with an answer; steps run on Jetty's threads, on those of the lanes or of the timers, one after the other.
 */
final class Exchange {
    private static final Logger log = LoggerFactory.getLogger("access");
    private static final String FORM = "req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
    private static final String REQUEST_HEADER = "X-Openstack-Request-Id";

    /** So many seconds the caller waits for the answer. */
    private static final String TIMEOUT_HEADER = "X-Splitmem-Timeout";

    /** The caller's own request, which this one is a part of; OpenStack calls it the global one. */
    private static final String GLOBAL = "global";

    private static final String RETRY_S = "1";

    private final Gate.Parts gate;
    private final Connections connections;
    private final boolean operatorsOnly;
    private final Request request;
    private final Response response;
    private final Callback callback;
    private final Connection connection;
    private final Origin origin;
    private final String id = "req-" + UUID.randomUUID();
    private final @Nullable String global;
    private final String path;
    private final AtomicBoolean answered = new AtomicBoolean();
    private volatile boolean isBodyRead;
    private volatile @Nullable Operation operation;
    private volatile @Nullable Identity identity;

    Exchange(
            Gate.Parts gate,
            Connections connections,
            boolean operatorsOnly,
            Request request,
            Response response,
            Callback callback) {
        this.gate = gate;
        this.connections = connections;
        this.operatorsOnly = operatorsOnly;
        this.request = request;
        this.response = response;
        this.callback = callback;
        this.connection = request.getConnectionMetaData().getConnection();
        this.origin = Origin.of(request, gate.proxies());
        this.path = decodedPath(request);
        String given = request.getHeaders().get(REQUEST_HEADER);
        this.global = given != null && given.matches(FORM) ? given : null;
    }

    private static String decodedPath(Request request) {
        String decoded = request.getHttpURI().getDecodedPath();
        return decoded == null ? "/" : decoded;
    }

    void begin() {
        connections.begin(connection);
        request.addIdleTimeoutListener(timeout -> false); // deadlines of ours are stricter
        Request.addCompletionListener(request, failure -> connections.end(connection));
        MDC.put(Caller.REQUEST_ID, id);
        try {
            find();
        } finally {
            MDC.clear();
        }
    }

    private void find() {
        Optional<Operation> found = Operation.of(request.getMethod(), path);
        if (found.isEmpty()) {
            refuseUnknown();
            return;
        }
        Operation asked = found.get();
        operation = asked;
        String rule = asked.rule();
        if (asked == Operation.HEALTH) {
            answer(new Reply(
                    200,
                    Map.of("Content-Type", List.of("text/plain;charset=utf-8")),
                    "ok\n".getBytes(java.nio.charset.StandardCharsets.UTF_8),
                    null,
                    null));
        } else if (rule == null) {
            if (areParametersKnown(asked)) {
                work(asked, gate.lanes().open(asked), new byte[0], () -> {});
            }
        } else {
            authenticate(asked, rule);
        }
    }

    private void refuseUnknown() {
        List<Operation> others = Operation.at(path);
        if (others.isEmpty()) {
            refuse(RefusalCode.NOT_FOUND, "there is no " + path + "; /v1/openapi.json lists what there is");
            return;
        }
        String allowed = String.join(
                ", ", others.stream().map(Operation::method).sorted().toList());
        Reply reply = gate.application()
                .refusal(Refusal.ofBridge(
                        RefusalCode.METHOD_NOT_ALLOWED,
                        path + " takes " + allowed + ", not " + word(request.getMethod())));
        answer(reply.with("Allow", allowed));
    }

    private void authenticate(Operation asked, String rule) {
        String token = request.getHeaders().get("X-Auth-Token");
        if (token == null) {
            refuseUnauthorized("a token is needed, as X-Auth-Token");
            return;
        }
        CompletableFuture<?> unused = gate.callers()
                .identify(token, request.getHeaders().get("X-Service-Token"))
                .whenComplete((known, failure) -> {
                    MDC.put(Caller.REQUEST_ID, id);
                    try {
                        authenticated(asked, rule, known, failure);
                    } finally {
                        MDC.remove(Caller.REQUEST_ID);
                    }
                });
    }

    @SuppressWarnings("NullableOptional") // a future's completion has a result or a failure
    private void authenticated(
            Operation asked, String rule, @Nullable Optional<Identity> known, @Nullable Throwable failure) {
        if (failure != null || known == null) {
            Throwable cause =
                    failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
            if (cause instanceof RejectedExecutionException) {
                refuseBusy("too many tokens wait for Keystone");
                return;
            }
            log.warn("tokens cannot be checked now: {}", cause == null ? "" : cause.getMessage());
            refuse(RefusalCode.KEYSTONE_FAILED, "tokens cannot be checked now; nova-bridge's log says why");
            return;
        }
        if (known.isEmpty()) {
            refuseUnauthorized("the token is not valid, or no longer");
            return;
        }
        identity = known.get();
        authorize(asked, rule, known.get());
    }

    private void authorize(Operation asked, String rule, Identity caller) {
        if (!gate.policy().allows(rule, caller)) {
            refuse(
                    RefusalCode.FORBIDDEN,
                    "the policy's rule " + rule + " does not allow this; the token has the roles "
                            + caller.roles().stream().sorted().toList());
            return;
        }
        boolean operator = gate.isOperator(caller);
        if (operatorsOnly && !operator) {
            refuse(RefusalCode.FORBIDDEN, "this listener is for operators (http.admin-port)");
            return;
        }
        if (!areParametersKnown(asked)) {
            return;
        }
        if (operator) {
            body(asked, gate.lanes().operators(), () -> {});
            return;
        }
        String project = caller.projectId() == null ? "user " + caller.userId() : caller.projectId();
        if (!connections.own(connection, project)) {
            refuseOverBudget("connections of this project: " + gate.limits().projectConnections());
        } else if (!gate.requests().enter(project)) {
            refuseOverBudget(
                    "requests of this project at once: " + gate.limits().projectRequests());
        } else {
            body(asked, gate.lanes().tenants(), once(() -> gate.requests().leave(project)));
        }
    }

    private static Runnable once(Runnable task) {
        AtomicBoolean done = new AtomicBoolean();
        return () -> {
            if (done.compareAndSet(false, true)) {
                task.run();
            }
        };
    }

    private boolean areParametersKnown(Operation asked) {
        String query = request.getHttpURI().getQuery();
        if (query == null || query.isEmpty()) {
            return true;
        }
        try {
            Query.check(query, asked.parameters());
            return true;
        } catch (IllegalArgumentException e) {
            refuse(RefusalCode.INVALID_PARAMETER, String.valueOf(e.getMessage()));
            return false;
        }
    }

    /** @param leave gives the budget back; called when the exchange is over, however that comes */
    private void body(Operation asked, Executor lane, Runnable leave) {
        Request.addCompletionListener(request, failure -> leave.run());
        if (!asked.hasBody()) {
            work(asked, lane, new byte[0], leave);
            return;
        }
        Future<?>[] deadline = new Future<?>[1];
        BodyReader reader = new BodyReader(request, Limits.BODY_BYTES, new BodyReader.Receiver() {
            @Override
            public void whole(byte[] body) {
                cancel(deadline[0]);
                isBodyRead = true;
                work(asked, lane, body, leave);
            }

            @Override
            public void tooLarge() {
                cancel(deadline[0]);
                refuse(RefusalCode.BODY_TOO_LARGE, "a body is at most 1 MiB");
            }

            @Override
            public void broken(Throwable cause) {
                cancel(deadline[0]);
                abandon("while its body was read", cause);
            }
        });
        long limitMs = gate.limits().body().toMillis();
        deadline[0] = gate.timers()
                .schedule(
                        () -> {
                            if (reader.giveUp()) {
                                refuse(RefusalCode.BODY_TOO_SLOW, "the body did not come within " + limitMs + " ms");
                            }
                        },
                        limitMs,
                        TimeUnit.MILLISECONDS);
        reader.run();
    }

    private static void cancel(@Nullable Future<?> timer) {
        if (timer != null) {
            timer.cancel(false);
        }
    }

    @SuppressWarnings("try") // a scope
    private void work(Operation asked, Executor lane, byte[] body, Runnable leave) {
        Optional<Duration> time = time();
        if (time.isEmpty()) {
            leave.run();
            refuse(RefusalCode.INVALID_PARAMETER, TIMEOUT_HEADER + ": seconds, from 1 to 600");
            return;
        }
        Incoming incoming = new Incoming(asked, request.getMethod(), origin.base(), uri(), headers(), body, identity);
        try {
            lane.execute(() -> {
                MDC.put(Caller.REQUEST_ID, id);
                if (global != null) {
                    MDC.put(GLOBAL, global);
                }
                try (Deadline.Scope unused = Deadline.after(request.getBeginNanoTime(), time.get())) {
                    answer(gate.application().answer(incoming));
                } finally {
                    MDC.clear();
                }
            });
        } catch (RejectedExecutionException e) {
            leave.run();
            refuseBusy("too many requests wait");
        }
    }

    /** How long the request may take; empty if the caller says something else than a time. */
    private Optional<Duration> time() {
        String given = request.getHeaders().get(TIMEOUT_HEADER);
        Duration most = gate.limits().request();
        if (given == null) {
            return Optional.of(most);
        }
        if (!given.matches("[0-9]{1,3}") || Integer.parseInt(given) < 1 || Integer.parseInt(given) > 600) {
            return Optional.empty();
        }
        Duration asked = Duration.ofSeconds(Integer.parseInt(given));
        return Optional.of(asked.compareTo(most) < 0 ? asked : most);
    }

    private URI uri() {
        String below = request.getHttpURI().getPathQuery();
        return URI.create(origin.base() + below.replaceFirst("^/+", ""));
    }

    private Map<String, List<String>> headers() {
        Map<String, List<String>> all = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        request.getHeaders()
                .forEach(field -> all.put(field.getName(), request.getHeaders().getValuesList(field.getName())));
        return all;
    }

    private void refuse(RefusalCode code, String message) {
        answer(gate.application().refusal(Refusal.ofBridge(code, message)));
    }

    private void refuseUnauthorized(String message) {
        answer(gate.application()
                .refusal(Refusal.ofBridge(RefusalCode.UNAUTHORIZED, message))
                .with("WWW-Authenticate", "Keystone uri=\"" + gate.keystoneUrl() + "\""));
    }

    private void refuseBusy(String message) {
        answer(gate.application()
                .refusal(Refusal.ofBridge(RefusalCode.BUSY, message))
                .with("Retry-After", RETRY_S));
    }

    private void refuseOverBudget(String what) {
        answer(gate.application()
                .refusal(Refusal.ofBridge(RefusalCode.OVER_BUDGET, "no more than " + what))
                .with("Retry-After", RETRY_S));
    }

    private void answer(Reply reply) {
        if (!answered.compareAndSet(false, true)) {
            return;
        }
        record(reply);
        response.setStatus(reply.status());
        reply.headers().forEach((name, values) -> response.getHeaders().put(name, values));
        gate.everyAnswer().forEach((name, value) -> response.getHeaders().put(name, value));
        response.getHeaders().put(REQUEST_HEADER, id);
        if (!isBodyRead && announcesBody()) { // Jetty ends the connection then: not before the client knows
            response.getHeaders().put(HttpHeader.CONNECTION, "close");
        }
        if (reply.status() != 204) {
            response.getHeaders().put(HttpHeader.CONTENT_LENGTH, reply.body().length);
        }
        Future<?> deadline = gate.timers()
                .schedule(
                        () -> connection.getEndPoint().close(),
                        gate.limits().answerMs(reply.body().length),
                        TimeUnit.MILLISECONDS);
        response.write(true, ByteBuffer.wrap(reply.body()), new Callback() {
            @Override
            public void succeeded() {
                deadline.cancel(false);
                callback.succeeded();
            }

            @Override
            public void failed(Throwable cause) {
                deadline.cancel(false);
                abandon("while it was answered", cause);
            }
        });
    }

    private boolean announcesBody() {
        return request.getHeaders().contains(HttpHeader.TRANSFER_ENCODING)
                || request.getHeaders().getLongField(HttpHeader.CONTENT_LENGTH) > 0;
    }

    /** The client has left, or never reads: nothing went wrong here. */
    private void abandon(String when, Throwable cause) {
        log.debug("{} {}: the client left {}: {}", word(request.getMethod()), path, when, String.valueOf(cause));
        gate.observer().abandoned();
        callback.failed(cause);
    }

    private void record(Reply reply) {
        long ns = System.nanoTime() - request.getBeginNanoTime();
        gate.observer().answered(request.getMethod(), reply.status(), ns);
        Operation asked = operation;
        if (asked != null && asked.isAudited(reply)) {
            Audit.log(id, global, asked, path, identity, origin.client(), reply);
        }
        log.debug(
                "{} {} {} {} {} ms",
                origin.client(),
                word(request.getMethod()),
                path,
                reply.status(),
                TimeUnit.NANOSECONDS.toMillis(ns));
    }

    /** Of a client's own making, so not all of it. */
    private static String word(String method) {
        return method.length() > 16 ? method.substring(0, 16) + "..." : method;
    }
}
