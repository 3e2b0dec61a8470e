package org.splitmem.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What a migration changes. */
public enum MigrationKind {
    /** A whole VM goes to another host. */
    @JsonProperty("one-to-one")
    ONE_TO_ONE("one-to-one"),
    /** A whole VM goes to a main host and sub-hosts. */
    @JsonProperty("one-to-n")
    ONE_TO_N("one-to-n"),
    /** The main host of a split VM changes; its sub-hosts keep what they have, and get the destination as their owner. */
    @JsonProperty("partial")
    PARTIAL("partial"),
    /** The main host of a split VM changes, and then what some of its sub-hosts have goes to others. */
    @JsonProperty("n-to-m")
    N_TO_M("n-to-m"),
    /** All of a split VM goes to the destination: what its main host has at once, what its sub-hosts have during the migration or after it. */
    @JsonProperty("gather")
    GATHER("gather");

    private final String text;

    MigrationKind(String text) {
        this.text = text;
    }

    /** As it is in JSON. */
    public String text() {
        return text;
    }
}
