package org.splitmem.bridge.http;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.http.HttpHeaders;
import java.util.Optional;
import org.splitmem.bridge.http.ServiceException.Kind;
import org.splitmem.model.Json;

/**
 * What a service answered.
 *
 * @param request for messages, as in {@code Placement GET /traits}
 * @param remedies for what the answer may lack
 */
public record Answer(String request, int status, HttpHeaders headers, String body, Remedies remedies) {
    private static final int SHOWN = 300;
    private static final int LONGEST_CODE = 100;

    /** @throws ServiceException if it is not a JSON object */
    public JsonNode json() throws ServiceException {
        try {
            JsonNode tree = Json.mapper().readTree(body);
            if (tree != null && tree.isObject()) {
                return tree;
            }
            throw malformed("not a JSON object: " + shown());
        } catch (IOException e) {
            throw new ServiceException(
                    Kind.MALFORMED, remedies.after(Kind.MALFORMED, request + ": not JSON: " + shown()), e);
        }
    }

    public ServiceException malformed(String what) {
        return new ServiceException(Kind.MALFORMED, "", remedies.after(Kind.MALFORMED, request + ": " + what));
    }

    /** True if the service itself says that there is no such thing; the 404 of a proxy, or of something else at its address, is an error. */
    public boolean saysThereIsNone() {
        return status == 404 && !code(error()).isEmpty();
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
            case 429 -> Kind.BUSY;
            default -> status >= 500 ? Kind.SERVER_ERROR : status / 100 == 3 ? Kind.REDIRECTED : Kind.REFUSED;
        };
        JsonNode error = error();
        String words = error.path("detail").asText(error.path("message").asText(shown()));
        String message =
                request + ": HTTP " + status + ": " + words + header("Retry-After", "; to be tried again after ")
                        + (kind == Kind.REDIRECTED ? header("Location", "; it is said to be at ") : "");
        return new ServiceException(kind, code(error), remedies.after(kind, message));
    }

    private static String code(JsonNode error) {
        String code = error.path("code").asText("");
        return code.length() > LONGEST_CODE ? "" : code;
    }

    private String header(String name, String words) {
        Optional<String> value = headers.firstValue(name);
        return value.map(text -> words + shortened(text)).orElse("");
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
        return body.isBlank() ? "(empty)" : shortened(body);
    }

    private static String shortened(String text) {
        // Of a huge one only the beginning is looked at.
        String begin = text.strip();
        String line = begin.substring(0, Math.min(begin.length(), 2 * SHOWN)).replaceAll("\\s+", " ");
        return line.length() > SHOWN ? line.substring(0, SHOWN) + "..." : line;
    }
}
