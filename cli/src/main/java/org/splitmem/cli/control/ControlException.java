package org.splitmem.cli.control;

import org.splitmem.model.Refusal;

/** splitmemd refused: the message is the sentence it answered with. */
public final class ControlException extends RuntimeException {
    private final transient Refusal refusal;

    ControlException(Refusal refusal) {
        super(refusal.message());
        this.refusal = refusal;
    }

    public Refusal refusal() {
        return refusal;
    }

    /** As splitmemd answered it, like {@code vm-not-found}. */
    public String code() {
        return refusal.code();
    }
}
