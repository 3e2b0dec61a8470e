package org.splitmem.memory.migration;

/** A request was refused before anything moved. The code is for programs, the text for people, with the remedy. */
public final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    /** What the caller can do about it. */
    public enum Kind {
        /** Names something that is not there. */
        NOT_FOUND,
        /** Cannot be done in the present state. */
        CONFLICT,
        /** What was asked for is under way already: to be asked again. */
        NOT_YET,
        /** Makes no sense as it is. */
        INVALID,
        /** A host has not the memory. */
        NO_ROOM,
        /** A peer does not answer, or refuses. */
        PEER
    }

    private final Kind kind;
    private final String code;

    public RefusedException(Kind kind, String code, String message) {
        super(message);
        this.kind = kind;
        this.code = code;
    }

    public Kind kind() {
        return kind;
    }

    /** Stable, e.g. {@code vm-not-found}. */
    public String code() {
        return code;
    }
}
