package org.splitmem.bridge.rest;

import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;

/** A request's failure as HTTP says it. */
final class ApiError extends WebApplicationException {
    private static final long serialVersionUID = 1L;

    ApiError(Refusal refusal) {
        super(refusal.message(), response(refusal));
    }

    ApiError(RefusalCode code, String message) {
        this(Refusal.ofBridge(code, message));
    }

    static Response response(Refusal refusal) {
        return Response.status(refusal.status())
                .type(MediaType.APPLICATION_JSON)
                .entity(body(refusal))
                .build();
    }

    static Bodies.ErrorBody body(Refusal refusal) {
        Response.Status known = Response.Status.fromStatusCode(refusal.status());
        String title = known == null ? "Error" : known.getReasonPhrase();
        return new Bodies.ErrorBody(new Bodies.ErrorDetail(refusal.status(), title, refusal.message(), refusal.code()));
    }
}
