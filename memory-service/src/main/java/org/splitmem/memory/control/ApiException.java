package org.splitmem.memory.control;

import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;

/** A request is refused. Unchecked, as JAX-RS lets readers of bodies throw nothing else. */
final class ApiException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Refusal refusal;

    ApiException(Refusal refusal) {
        super(refusal.message());
        this.refusal = refusal;
    }

    ApiException(RefusalCode code, String message) {
        this(Refusal.of(code, message));
    }

    Refusal refusal() {
        return refusal;
    }
}
