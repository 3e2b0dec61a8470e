package org.splitmem.memory.testing;

/** What has to be so for every input of a fuzzer; costs nothing where it is, unlike an assertion of AssertJ. */
public final class Property {
    private Property() {}

    /** @throws AssertionError that says what */
    public static void holds(boolean so, String what) {
        if (!so) {
            throw new AssertionError("not so: " + what);
        }
    }

    /** @throws AssertionError if they are not equal */
    public static void areEqual(Object one, Object other) {
        if (!one.equals(other)) {
            throw new AssertionError(one + " is not " + other);
        }
    }
}
