package org.splitmem.memory.control;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.splitmem.model.InvalidJsonException;
import org.splitmem.model.Json;

/** One request, as the endpoints see it. Confined to its thread. */
final class Call {
    /** Largest body: a domain XML of 1 MiB. */
    private static final int MAX_BODY = 1 << 20;

    private final Request request;
    private final List<String> path;

    /** @param path the segments after the version */
    Call(Request request, List<String> path) {
        this.request = request;
        this.path = path;
    }

    String method() {
        return request.getMethod();
    }

    int segments() {
        return path.size();
    }

    String segment(int index) {
        return index < path.size() ? path.get(index) : "";
    }

    /** True if the path is this one, where "*" stands for any segment. */
    boolean is(String method, String... pattern) {
        if (!method.equals(method()) || pattern.length != path.size()) {
            return false;
        }
        for (int i = 0; i < pattern.length; i++) {
            if (!pattern[i].equals("*") && !pattern[i].equals(path.get(i))) {
                return false;
            }
        }
        return true;
    }

    /** @throws ApiException 400 if the query lacks it */
    String query(String name) throws ApiException {
        String value = Request.extractQueryParameters(request).getValue(name);
        if (value == null || value.isEmpty()) {
            throw new ApiException(400, "parameter-missing", "the query parameter " + name + " is missing");
        }
        return value;
    }

    byte[] body() throws IOException, ApiException {
        try (InputStream in = Content.Source.asInputStream(request)) {
            byte[] bytes = in.readNBytes(MAX_BODY + 1);
            if (bytes.length > MAX_BODY) {
                throw new ApiException(413, "body-too-large", "the request's body is larger than " + MAX_BODY + " B");
            }
            return bytes;
        }
    }

    <T> T body(Class<T> type) throws IOException, ApiException {
        byte[] bytes = body();
        try {
            return Json.read(bytes, type);
        } catch (InvalidJsonException e) {
            throw new ApiException(400, "invalid-json", String.valueOf(e.getMessage()));
        }
    }
}
