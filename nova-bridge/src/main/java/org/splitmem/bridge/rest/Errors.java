package org.splitmem.bridge.rest;

import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.ext.ExceptionMapper;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.migration.RefusedException;
import org.splitmem.bridge.store.StoreException;

/** Every failure in OpenStack's form. */
final class Errors implements ExceptionMapper<Throwable> {
    private static final Logger log = LoggerFactory.getLogger(Errors.class);

    @Override
    public Response toResponse(Throwable failure) {
        if (failure instanceof ApiError known) {
            return known.getResponse();
        }
        if (failure instanceof RefusedException refused) {
            int status = switch (refused.kind()) {
                case INVALID -> 400;
                case NOT_FOUND -> 404;
                case CONFLICT -> 409;
                case UPSTREAM -> 503;
                case LATE -> 504;
            };
            log.info("refused, {}: {}", refused.reason(), refused.text());
            return ApiError.response(status, refused.reason(), refused.text()).build();
        }
        if (failure instanceof ServiceException service) {
            log.warn("{}", service.text());
            if (service.kind() == ServiceException.Kind.LATE) {
                return ApiError.response(504, service.code(), service.text()).build();
            }
            return ApiError.response(503, "service-failed", service.text()).build();
        }
        if (failure instanceof StoreException store) {
            log.error("{}", store.getMessage());
            // The database speaks of tables and columns, which are nothing to callers.
            return ApiError.response(503, "database-failed", "the database failed; nova-bridge's log says why")
                    .build();
        }
        if (failure instanceof WebApplicationException web) { // of Jersey: no such path, method or type
            int status = web.getResponse().getStatus();
            String title = web.getResponse().getStatusInfo().getReasonPhrase();
            String reason = title.toLowerCase(Locale.ROOT).replace(' ', '-');
            return ApiError.response(status, reason, title + "; /v1/openapi.json lists what there is")
                    .build();
        }
        log.error("a bug", failure);
        return ApiError.response(500, "internal", "internal error; the log has the trace")
                .build();
    }
}
