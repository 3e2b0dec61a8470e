package org.splitmem.bridge.rest;

import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.ext.ExceptionMapper;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.migration.Refusals;
import org.splitmem.bridge.store.StoreException;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** Every failure in OpenStack's form. */
final class Errors implements ExceptionMapper<Throwable> {
    private static final Logger log = LoggerFactory.getLogger(Errors.class);

    @Override
    public Response toResponse(Throwable failure) {
        if (failure instanceof ApiError known) {
            return known.getResponse();
        }
        return ApiError.response(refusal(failure));
    }

    private static Refusal refusal(Throwable failure) {
        if (failure instanceof RefusedException refused) {
            log.info("refused, {}: {}", refused.code(), refused.text());
            return refused.refusal();
        }
        if (failure instanceof ServiceException service) {
            log.warn("{}", service.text());
            return Refusals.upstream(service).refusal();
        }
        if (failure instanceof StoreException store) {
            log.error("{}", store.getMessage());
            // The database speaks of tables and columns, which are nothing to callers.
            return Refusal.ofBridge(RefusalCode.DATABASE_FAILED, "the database failed; nova-bridge's log says why");
        }
        if (failure instanceof WebApplicationException web) { // of Jersey: no such path, method or type
            int status = web.getResponse().getStatus();
            String title = web.getResponse().getStatusInfo().getReasonPhrase();
            String reason = title.toLowerCase(Locale.ROOT).replace(' ', '-');
            return new Refusal(status, reason, title + "; /v1/openapi.json lists what there is");
        }
        log.error("a bug", failure);
        return Refusal.ofBridge(RefusalCode.INTERNAL, "internal error; the log has the trace");
    }
}
