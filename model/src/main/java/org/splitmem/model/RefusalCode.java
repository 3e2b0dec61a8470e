package org.splitmem.model;

import java.util.Locale;
import java.util.Optional;

/**
 * Why a request is refused, for programs. The names are those of the APIs, in lower case and with hyphens: fixed for ever, never reused for
 * another reason. docs/API.md and docs/BRIDGE-API.md list them; tests compare.
 *
 * <p>A program may get codes that are not here, from a newer one: {@link Refusal} carries them as they are.
 */
public enum RefusalCode {
    // The request makes no sense as it is.
    INVALID_JSON(400, 400),
    INVALID_UUID(400, 400),
    INVALID_PATH(400, 0),
    INVALID_TIMEOUT(400, 0),
    INVALID_REASON(400, 0),
    INVALID_EPOCH(400, 0),
    INVALID_RESERVATION(400, 0),
    INVALID_NEXT_OWNER(400, 0),
    INVALID_INCOMING(400, 0),
    INVALID_REQUEST(0, 400),
    INVALID_PARAMETER(0, 400),
    INVALID_EXTRA_SPEC(0, 400),
    PARAMETER_MISSING(400, 0),
    SAME_HOST(400, 400),
    NO_SUB_HOSTS(400, 409),
    TOO_MANY_SUB_HOSTS(400, 0),
    SUB_HOST_TWICE(400, 0),
    SUB_HOST_KEEPS_ITS_SHARE(400, 0),
    SOURCE_AS_SUB_HOST(400, 0),
    BUDGET_TOO_SMALL(400, 0),
    BUDGET_TOO_LARGE(400, 0),
    RAM_DIFFERS(400, 0),
    PLAN_DOES_NOT_FIT(400, 0),
    NOT_ENABLED(0, 400),
    REPLICAS_NOT_SUPPORTED(0, 400),
    ADDRESS_NOT_ALLOWED(0, 400),
    UNSUPPORTED_VERSION(0, 400),

    // Who asks may not.
    UNAUTHORIZED(401, 401),
    FORBIDDEN(0, 403),

    // It names something that is not there.
    NOT_FOUND(404, 404),
    VM_NOT_FOUND(404, 404),
    MIGRATION_NOT_FOUND(404, 404),
    OPERATION_NOT_FOUND(404, 0),
    HOST_NOT_FOUND(404, 404),
    NO_SUCH_SUB_HOST(404, 0),
    NO_SUCH_RESERVATION(404, 0),
    NOT_EXPECTED(404, 0),

    // It cannot be done in the present state.
    VM_SPLIT(409, 0),
    VM_LOCAL(409, 0),
    VM_MIGRATING(409, 0),
    VM_SPLITTING(409, 0),
    VM_BUSY(409, 409, "ask again"),
    VM_INCOMING(409, 0),
    VM_LEFT(409, 0),
    VM_HERE(409, 0),
    VM_NOT_ATTACHED(409, 0),
    VM_NOT_WELCOME(409, 0),
    RAM_IS_A_MEMFD(409, 0),
    NOT_SPLITTABLE(409, 0),
    MIGRATION_EXISTS(409, 0),
    MIGRATION_OVER(409, 409),
    MIGRATION_RUNNING(0, 409),
    HANDED_OVER(409, 409),
    NOT_CANCELLABLE(409, 0),
    STILL_LEAVING(409, 0),
    BEING_EMPTIED(409, 409),
    NOT_BEING_EMPTIED(409, 0),
    NOT_BEING_DRAINED(409, 409),
    HOST_NOT_FENCED(409, 409),
    HOST_NOT_WELL(0, 409),
    ALREADY_SPLIT(0, 409, "ask again"),
    SERVER_GROUP(0, 409),
    NOT_PLANNED(0, 409),
    NOT_RUNNING(0, 409),
    REFUSED_BY_HOST(0, 409),
    NO_ROOM(507, 409),

    // How it is asked is wrong, or there is too much of it.
    METHOD_NOT_ALLOWED(0, 405),
    BODY_TOO_SLOW(0, 408),
    BODY_TOO_LARGE(413, 413),
    NOT_ACCEPTABLE(0, 406),
    UNSUPPORTED_MEDIA_TYPE(0, 415),
    OVER_BUDGET(0, 429),
    HEADERS_TOO_LARGE(0, 431),
    BUSY(0, 503),

    // Another did not do its part.
    FAILED(502, 0),
    MIGRATION_FAILED(502, 0),
    SERVICE_FAILED(0, 503),
    KEYSTONE_FAILED(0, 503),
    DATABASE_FAILED(0, 503),

    /** A bug. */
    INTERNAL(500, 500);

    private final int status;
    private final int bridgeStatus;
    private final String remedy;

    RefusalCode(int status, int bridgeStatus) {
        this(status, bridgeStatus, "");
    }

    RefusalCode(int status, int bridgeStatus, String remedy) {
        this.status = status;
        this.bridgeStatus = bridgeStatus;
        this.remedy = remedy;
    }

    /** Of an answer of splitmemd; 0 if it does not answer with this. */
    public int status() {
        return status;
    }

    /** Of an answer of nova-bridge; 0 if it does not answer with this. */
    public int bridgeStatus() {
        return bridgeStatus;
    }

    /** What always helps: ends each message. Empty if that depends on the case, and the message says it. */
    public String remedy() {
        return remedy;
    }

    /** As it is in an answer, like {@code vm-not-found}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Empty if it is none of these. */
    public static Optional<RefusalCode> of(String word) {
        for (RefusalCode code : values()) {
            if (code.word().equals(word)) {
                return Optional.of(code);
            }
        }
        return Optional.empty();
    }
}
