package org.splitmem.memory.wire;

/** Why a peer refused, by number, fixed for ever. Nobody parses the text beside it. */
public enum ErrorCode {
    BAD_FRAME(1),
    VERSION(2),
    UNKNOWN_VM(3),
    // 4 is not to be used: a wrong token looks like an unknown VM
    STALE_EPOCH(5),
    FULL(6),
    INTERNAL(7),
    UNKNOWN(0);

    private final int number;

    ErrorCode(int number) {
        this.number = number;
    }

    int number() {
        return number;
    }

    static ErrorCode of(int number) {
        for (ErrorCode code : values()) {
            if (code.number == number) {
                return code;
            }
        }
        return UNKNOWN;
    }
}
