package org.splitmem.model;

/** A request is refused, and nothing was changed by it. */
public final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient Refusal refusal;

    public RefusedException(Refusal refusal) {
        super(refusal.message());
        this.refusal = refusal;
    }

    /** By splitmemd. */
    public RefusedException(RefusalCode code, String message) {
        this(Refusal.of(code, message));
    }

    public Refusal refusal() {
        return refusal;
    }

    /** As it is in the answer, like {@code vm-not-found}. */
    public String code() {
        return refusal.code();
    }

    /** The message, never null. */
    public String text() {
        return refusal.message();
    }
}
