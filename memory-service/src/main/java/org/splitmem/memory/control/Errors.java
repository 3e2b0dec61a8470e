package org.splitmem.memory.control;

import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerResponseContext;
import jakarta.ws.rs.container.ContainerResponseFilter;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.ext.ExceptionMapper;
import java.io.IOException;
import java.lang.annotation.Annotation;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** Every failure in the API's form; for libvirt's hook as one line of plain text. Any thread. */
final class Errors implements ExceptionMapper<Throwable>, ContainerResponseFilter {
    private static final Logger log = LoggerFactory.getLogger(Errors.class);
    private static final Annotation[] NONE = {};

    /** On its way from the mapper, which does not know the request, to the filter. */
    private record Failure(Throwable cause) {}

    @Override
    public Response toResponse(Throwable failure) {
        return Response.serverError().entity(new Failure(failure)).build();
    }

    @Override
    public void filter(ContainerRequestContext request, ContainerResponseContext response) {
        if (response.getEntity() instanceof Failure failure) {
            Answer answer = answer(
                    failure.cause(),
                    request.getMethod(),
                    "/" + request.getUriInfo().getPath(false));
            response.setStatus(answer.status());
            response.setEntity(answer.body(), NONE, MediaType.valueOf(answer.contentType()));
        }
    }

    /** @param path still encoded */
    static Answer answer(Throwable failure, String method, String path) {
        return Answer.failure(path.startsWith("/v1/hooks/"), refusal(failure, method, path));
    }

    private static Refusal refusal(Throwable failure, String method, String path) {
        if (failure instanceof ApiException refused) {
            return refused.refusal();
        }
        if (failure instanceof RefusedException refused) {
            return refused.refusal();
        }
        if (failure instanceof WebApplicationException web && isUnknown(web)) {
            return unknown(method);
        }
        if (failure instanceof IOException) {
            log.warn("{} {} failed: {}", method, path, failure.getMessage());
            return Refusal.of(RefusalCode.FAILED, String.valueOf(failure.getMessage()));
        }
        log.error("{} {} failed", method, path, failure);
        return Refusal.of(RefusalCode.INTERNAL, "splitmemd failed, its log says more: " + failure);
    }

    /** Of a path that is not there, or not with this method. */
    static Refusal unknown(String method) {
        return Refusal.of(
                RefusalCode.NOT_FOUND, "there is no " + method + " on this path; docs/API.md lists what there is");
    }

    /** Jersey knows the path and not the method, or neither: to our callers that is one. */
    private static boolean isUnknown(WebApplicationException failure) {
        int status = failure.getResponse().getStatus();
        return status == 404 || status == 405;
    }
}
