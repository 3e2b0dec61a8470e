package org.splitmem.bridge.rest;

import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;

/** A request's failure as HTTP says it. */
final class ApiError extends WebApplicationException {
    private static final long serialVersionUID = 1L;

    ApiError(int status, String reason, String message) {
        super(message, response(status, reason, message).build());
    }

    static Response.ResponseBuilder response(int status, String reason, String message) {
        return Response.status(status).type(MediaType.APPLICATION_JSON).entity(body(status, reason, message));
    }

    static Bodies.ErrorBody body(int status, String reason, String message) {
        Response.Status known = Response.Status.fromStatusCode(status);
        String title = known == null ? "Error" : known.getReasonPhrase();
        return new Bodies.ErrorBody(new Bodies.ErrorDetail(status, title, message, reason));
    }
}
