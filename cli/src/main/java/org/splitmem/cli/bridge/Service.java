package org.splitmem.cli.bridge;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.ConnectException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.splitmem.model.InvalidJsonException;
import org.splitmem.model.Json;

/**
 * A service of OpenStack.
 *
 * @param name for messages
 * @param url without a slash at its end
 * @param limit of a request, to the last byte of its answer
 */
record Service(String name, String url, Duration limit) {
    private static final Duration CONNECT = Duration.ofSeconds(5);

    /** @throws BridgeException if it is no URL */
    static Service at(String name, String url, Duration limit) {
        URI uri;
        try {
            uri = new URI(url);
        } catch (URISyntaxException e) {
            throw new BridgeException(wrong(name, url), e);
        }
        if (uri.getHost() == null || !("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))) {
            throw new BridgeException(wrong(name, url));
        }
        return new Service(name, url.replaceAll("/+$", ""), limit);
    }

    private static String wrong(String name, String url) {
        return "the address of " + name + " has to be a URL, as http://controller:8790, not '" + url + "'";
    }

    @Override
    public String toString() {
        return name + " at " + url;
    }

    /** Sends JSON and waits. @throws BridgeException if no whole answer came; any status is an answer */
    HttpResponse<String> post(String path, byte[] json, Map<String, String> headers) {
        return send("POST", path, json, headers);
    }

    /** As {@link #post}; without a body if {@code json} is empty. */
    HttpResponse<String> send(String method, String path, byte[] json, Map<String, String> headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + path))
                .header("Accept", "application/json")
                .method(
                        method,
                        json.length == 0
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofByteArray(json));
        if (json.length > 0) {
            request.header("Content-Type", "application/json");
        }
        headers.forEach(request::setHeader);
        HttpClient client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(CONNECT)
                .build();
        // The client's own time limit ends with the answer's headers; this one with its last byte.
        CompletableFuture<HttpResponse<String>> answer =
                client.sendAsync(request.build(), HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
        try {
            return answer.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new BridgeException(this + " has not answered within " + limit.toSeconds() + " s", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BridgeException(this + ": interrupted", e);
        } catch (ExecutionException e) {
            throw new BridgeException("cannot talk to " + this + ": " + why(e), e);
        }
    }

    private static String why(ExecutionException failure) {
        Throwable cause = failure.getCause() == null ? failure : failure.getCause();
        String message = cause.getMessage();
        if (message == null) { // as of the JDK's client for a refused connection
            return cause instanceof ConnectException ? "no connection" : cause.toString();
        }
        return message;
    }

    /** The answer's JSON object. @throws BridgeException if it is none */
    JsonNode json(HttpResponse<String> answer) {
        try {
            JsonNode tree = Json.read(answer.body(), JsonNode.class);
            if (tree.isObject()) {
                return tree;
            }
            throw new BridgeException(unexpected(answer));
        } catch (InvalidJsonException e) {
            throw new BridgeException(unexpected(answer), e);
        }
    }

    private String unexpected(HttpResponse<String> answer) {
        return this + " answered HTTP status " + answer.statusCode() + " without the JSON of " + name
                + ": is the URL right?";
    }

    /** What it said of its refusal, in OpenStack's form. */
    BridgeException refusal(String what, HttpResponse<String> answer) {
        JsonNode message = json(answer).path("error").path("message");
        return new BridgeException(
                message.isTextual() ? this + " " + what + ": " + message.asText() : unexpected(answer));
    }
}
