package org.splitmem.bridge.http;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.http.HttpHeaders;
import org.splitmem.bridge.http.ServiceException.Kind;
import org.splitmem.model.Json;

/**
 * What a service answered.
 *
 * @param request for messages, as in {@code Placement GET /traits}
 */
public record Answer(String request, int status, HttpHeaders headers, String body) {
    private static final int SHOWN = 300;

    /** @throws ServiceException if it is not a JSON object */
    public JsonNode json() throws ServiceException {
        try {
            JsonNode tree = Json.mapper().readTree(body);
            if (tree != null && tree.isObject()) {
                return tree;
            }
            throw malformed("not a JSON object: " + shown());
        } catch (IOException e) {
            throw new ServiceException(Kind.MALFORMED, request + ": not JSON: " + shown(), e);
        }
    }

    public ServiceException malformed(String what) {
        return new ServiceException(Kind.MALFORMED, "", request + ": " + what);
    }

    /** @throws ServiceException unless the status is 2xx; with the service's own words */
    public Answer orThrow() throws ServiceException {
        if (status / 100 == 2) {
            return this;
        }
        throw failure();
    }

    public ServiceException failure() {
        Kind kind = switch (status) {
            case 401 -> Kind.UNAUTHORIZED;
            case 403 -> Kind.FORBIDDEN;
            case 404 -> Kind.NOT_FOUND;
            case 406 -> Kind.MICROVERSION;
            case 409 -> Kind.CONFLICT;
            default -> status >= 500 ? Kind.SERVER_ERROR : Kind.REFUSED;
        };
        JsonNode error = error();
        String words = error.path("detail").asText(error.path("message").asText(shown()));
        return new ServiceException(kind, error.path("code").asText(""), request + ": HTTP " + status + ": " + words);
    }

    /** OpenStack's newer form is a list of errors, its older one, and splitmemd's, a single one. */
    private JsonNode error() {
        try {
            JsonNode tree = Json.mapper().readTree(body);
            return tree.has("errors") ? tree.path("errors").path(0) : tree.path("error");
        } catch (IOException e) {
            return Json.mapper().missingNode(); // an error page of a proxy; shown as it is
        }
    }

    private String shown() {
        String text = body.strip().replaceAll("\\s+", " ");
        return text.length() > SHOWN ? text.substring(0, SHOWN) + "..." : text.isEmpty() ? "(empty)" : text;
    }
}
