package org.splitmem.bridge.http;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
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
    /** The MDC's key of the request that is being worked on; it goes with every call, so that all logs can be joined. */
    public static final String REQUEST_ID = "request";

    private static final Duration CONNECT = Duration.ofSeconds(3);

    private final String service;
    private final Duration limit;
    private final HttpClient client;

    /**
     * @param service for messages
     * @param limit from sending to the end of the answer
     */
    public Caller(String service, Duration limit) {
        this.service = service;
        this.limit = limit;
        this.client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(CONNECT)
                .build();
    }

    /**
     * Sends and waits.
     *
     * @throws ServiceException if no whole answer came; any status is an answer
     */
    public Answer send(String method, URI uri, Map<String, String> headers, @Nullable Object body)
            throws ServiceException {
        String request = service + " " + method + " " + uri.getPath();
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
        String requestId = MDC.get(REQUEST_ID);
        if (requestId != null) {
            builder.header("X-Openstack-Request-Id", requestId);
        }
        headers.forEach(builder::setHeader);
        HttpResponse<String> response = await(request, builder.build());
        return new Answer(request, response.statusCode(), response.headers(), response.body());
    }

    /** The client's own time limit ends with the answer's headers; this one with its last byte. */
    private HttpResponse<String> await(String request, HttpRequest what) throws ServiceException {
        CompletableFuture<HttpResponse<String>> future =
                client.sendAsync(what, HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
        try {
            return future.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            future.cancel(true);
            throw new ServiceException(Kind.TIMEOUT, request + ": no answer within " + limit.toMillis() + " ms", e);
        } catch (InterruptedException e) {
            future.cancel(true);
            Thread.currentThread().interrupt();
            throw new ServiceException(Kind.TIMEOUT, request + ": interrupted", e);
        } catch (ExecutionException e) {
            throw failure(request, what.uri(), e.getCause() == null ? e : e.getCause());
        }
    }

    private static ServiceException failure(String request, URI uri, Throwable cause) {
        if (cause instanceof ConnectException || cause instanceof HttpConnectTimeoutException) {
            // The JDK's client says nothing of a refused connection.
            return new ServiceException(Kind.UNREACHABLE, request + ": no connection to " + uri.getAuthority(), cause);
        }
        if (cause instanceof HttpTimeoutException) {
            return new ServiceException(Kind.TIMEOUT, request + ": " + cause.getMessage(), cause);
        }
        if (cause instanceof IOException) {
            return new ServiceException(
                    Kind.TRUNCATED, request + ": the answer broke off: " + cause.getMessage(), cause);
        }
        throw new IllegalStateException(request, cause);
    }
}
