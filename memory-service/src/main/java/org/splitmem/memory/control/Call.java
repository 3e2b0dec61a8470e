package org.splitmem.memory.control;

import java.util.List;
import java.util.Optional;
import org.eclipse.jetty.server.Request;
import org.splitmem.model.InvalidJsonException;
import org.splitmem.model.Json;

/** One request, as the endpoints see it. Confined to its thread. */
final class Call {
    private final Request request;
    private final List<String> path;
    private final byte[] body;

    /** @param path the segments after the version */
    Call(Request request, List<String> path, byte[] body) {
        this.request = request;
        this.path = path;
        this.body = body;
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
        return optionalQuery(name)
                .filter(value -> !value.isEmpty())
                .orElseThrow(() ->
                        new ApiException(400, "parameter-missing", "the query parameter " + name + " is missing"));
    }

    Optional<String> optionalQuery(String name) {
        return Optional.ofNullable(Request.extractQueryParameters(request).getValue(name));
    }

    byte[] body() {
        return body.clone();
    }

    <T> T body(Class<T> type) throws ApiException {
        try {
            return Json.read(body, type);
        } catch (InvalidJsonException e) {
            throw new ApiException(400, "invalid-json", String.valueOf(e.getMessage()));
        }
    }
}
