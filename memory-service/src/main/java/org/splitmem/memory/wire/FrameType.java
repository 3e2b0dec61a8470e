package org.splitmem.memory.wire;

import org.jspecify.annotations.Nullable;

/** Kinds of frames. The numbers are the wire's and are never reused; docs/PROTOCOL.md tells each one's fields. */
public enum FrameType {
    HELLO(1),
    WELCOME(2),
    ERROR(3),
    PAGE_IN(4),
    PAGE_DATA(5),
    PAGE_ABSENT(6),
    PAGES(7),
    DROP(8),
    FLUSH(9),
    FLUSHED(10),
    PLACE(11),
    DIRTY(12),
    WANT_CHUNK(13),
    RESUMED(14),
    ARRIVED(15),
    ABORT(16),
    ADOPT(17),
    LIST_HELD(18),
    HELD(19),
    LOADED(20),
    QEMU_ENDED(21),
    HANDED_OVER(22),
    DAMAGED(23),
    FETCH(24),
    PULL_FROM(25),
    PULL(26),
    PULLED(27),
    PAGE_ELSEWHERE(28);

    private static final @Nullable FrameType[] BY_NUMBER = new @Nullable FrameType[32];

    static {
        for (FrameType type : values()) {
            BY_NUMBER[type.number] = type;
        }
    }

    private final int number;

    FrameType(int number) {
        this.number = number;
    }

    int number() {
        return number;
    }

    static @Nullable FrameType of(int number) {
        return number >= 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : null;
    }
}
