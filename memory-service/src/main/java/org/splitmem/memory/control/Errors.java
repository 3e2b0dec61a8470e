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
import org.splitmem.memory.migration.RefusedException;

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
        boolean plain = path.startsWith("/v1/hooks/");
        if (failure instanceof ApiException known) {
            return Answer.failure(plain, known.status(), known.code(), String.valueOf(known.getMessage()));
        }
        if (failure instanceof RefusedException refused) {
            return answer(ApiException.of(refused), method, path);
        }
        if (failure instanceof WebApplicationException web && isUnknown(web)) {
            return answer(ApiException.unknown(method), method, path);
        }
        if (failure instanceof IOException) {
            log.warn("{} {} failed: {}", method, path, failure.getMessage());
            return Answer.failure(plain, 502, "failed", String.valueOf(failure.getMessage()));
        }
        log.error("{} {} failed", method, path, failure);
        return Answer.failure(plain, 500, "internal", "splitmemd failed, its log says more: " + failure);
    }

    /** Jersey knows the path and not the method, or neither: to our callers that is one. */
    private static boolean isUnknown(WebApplicationException failure) {
        int status = failure.getResponse().getStatus();
        return status == 404 || status == 405;
    }
}
