package org.splitmem.bridge.http;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;
import org.splitmem.bridge.http.ServiceException.Kind;
import org.splitmem.model.Json;

/** Sends requests to one service. Any thread. */
public final class Caller {
    /** The MDC's key of the request that is being worked on. */
    public static final String REQUEST_ID = "request";

    /** The MDC's key of the caller's own request, which that is a part of; OpenStack calls it the global one. */
    public static final String GLOBAL_REQUEST_ID = "global";

    private static final int LONGEST_REQUEST_ID = 64;

    private static final Duration CONNECT = Duration.ofSeconds(3);

    /** What Placement tells of some thousand hosts at once is a tenth of it. */
    private static final int LONGEST_ANSWER = 64 << 20;

    private final String service;
    private final Duration limit;
    private final int longest;
    private final Remedies remedies;
    private final HttpClient client;

    /**
     * @param service for messages
     * @param limit from sending to the end of the answer
     * @param remedies of the service, by kind of failure
     */
    public Caller(String service, Duration limit, Map<Kind, String> remedies) {
        this(service, limit, remedies, LONGEST_ANSWER);
    }

    /** @param longest body of an answer, in bytes */
    Caller(String service, Duration limit, Map<Kind, String> remedies, int longest) {
        this.service = service;
        this.limit = limit;
        this.longest = longest;
        this.remedies = new Remedies(remedies);
        this.client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(CONNECT)
                .build();
    }

    /** As {@link #send(String, String, URI, Map, Object)}, of a service of which there is one. */
    public Answer send(String method, URI uri, Map<String, String> headers, @Nullable Object body)
            throws ServiceException {
        return send("", method, uri, headers, body);
    }

    /**
     * Sends and waits.
     *
     * @param where the service is, for messages: of which host, say
     * @throws ServiceException if no whole answer came; any status is an answer
     */
    public Answer send(String where, String method, URI uri, Map<String, String> headers, @Nullable Object body)
            throws ServiceException {
        String request = service + " " + method + " " + uri.getPath() + (where.isEmpty() ? "" : " on " + where);
        HttpRequest.Builder builder = HttpRequest.newBuilder(uri)
                .method(
                        method,
                        body == null
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofByteArray(Json.writeBytes(body)))
                .header("Accept", "application/json");
        if (body != null) {
            builder.header("Content-Type", "application/json");
        }
        String requestId = requestId();
        if (requestId != null) {
            builder.header("X-Openstack-Request-Id", requestId);
        }
        headers.forEach(builder::setHeader);
        HttpResponse<String> response = await(request, builder.build());
        return new Answer(request, response.statusCode(), response.headers(), response.body(), remedies);
    }

    /**
     * The id that goes with every call, so that the logs of all services can be joined: the caller's own request, as Nova's, or else ours. Absent
     * outside of any.
     */
    public static @Nullable String requestId() {
        String global = MDC.get(GLOBAL_REQUEST_ID);
        String id = global == null ? MDC.get(REQUEST_ID) : global;
        return id == null || id.length() > LONGEST_REQUEST_ID ? null : id;
    }

    /** Works on as a part of that request; absent: of none but ours. */
    public static void isPartOf(@Nullable String requestId) {
        if (requestId == null || requestId.equals(MDC.get(REQUEST_ID))) {
            MDC.remove(GLOBAL_REQUEST_ID);
        } else {
            MDC.put(GLOBAL_REQUEST_ID, requestId);
        }
    }

    /** How long a call that begins now may take: its limit, or what is left for the request. */
    public long leftMs() {
        return Deadline.leftMs(limit);
    }

    /** The client's own time limit ends with the answer's headers; this one with its last byte. */
    private HttpResponse<String> await(String request, HttpRequest what) throws ServiceException {
        long leftMs = leftMs();
        if (leftMs <= 0) {
            throw ServiceException.late(service, request);
        }
        CompletableFuture<HttpResponse<String>> future = client.sendAsync(what, info -> new BoundedText(longest));
        try {
            return future.get(leftMs, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            future.cancel(true);
            if (leftMs < limit.toMillis()) {
                throw ServiceException.late(service, request);
            }
            throw failure(Kind.TIMEOUT, request + ": no answer within " + limit.toMillis() + " ms", e);
        } catch (InterruptedException e) {
            future.cancel(true);
            Thread.currentThread().interrupt();
            throw new ServiceException(Kind.TIMEOUT, request + ": interrupted", e);
        } catch (ExecutionException e) {
            throw failure(request, what.uri(), e.getCause() == null ? e : e.getCause());
        }
    }

    private ServiceException failure(String request, URI uri, Throwable cause) {
        if (cause instanceof ConnectException || cause instanceof HttpConnectTimeoutException) {
            // The JDK's client says nothing of a refused connection.
            return failure(Kind.UNREACHABLE, request + ": no connection to " + uri.getAuthority(), cause);
        }
        if (cause instanceof HttpTimeoutException) {
            return failure(Kind.TIMEOUT, request + ": " + cause.getMessage(), cause);
        }
        if (cause instanceof BoundedText.TooLongException || cause.getCause() instanceof BoundedText.TooLongException) {
            return failure(Kind.MALFORMED, request + ": the answer is too long: more than " + longest + " B", cause);
        }
        if (cause instanceof IOException) {
            return failure(Kind.TRUNCATED, request + ": the answer broke off: " + cause.getMessage(), cause);
        }
        if (cause instanceof RuntimeException) {
            // The JDK's client trusts some headers: a Content-Length that is no number, say.
            return failure(Kind.MALFORMED, request + ": the answer is not HTTP: " + cause.getMessage(), cause);
        }
        throw new IllegalStateException(request, cause);
    }

    private ServiceException failure(Kind kind, String message, Throwable cause) {
        return new ServiceException(kind, remedies.after(kind, message), cause);
    }
}
