package org.splitmem.bridge.plan;

/** The extra spec {@code splitmem:mode}. */
public enum Mode {
    /** Whole where there is room for all of it, split otherwise. */
    AUTO,
    /** Split, also where there is room. */
    ALWAYS,
    /** Never split: hosts without room for all of it are refused. */
    NEVER
}
