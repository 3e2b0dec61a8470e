package org.splitmem.events;

import java.util.Arrays;

/** The topics. The number in a name is the major version of its schema: what breaks a reader gets a new topic. */
public enum Topic {
    /** Each phase of each migration, its progress and its outcome. */
    MIGRATION("splitmem.migration.v1"),
    /** What was chosen, booked, changed and released in Placement. */
    PLACEMENT("splitmem.placement.v1"),
    /** What each VM's paging did in an interval. */
    PAGING("splitmem.paging.v1"),
    /** What became of a VM's memory: split, gathered, another budget, a sub-host lost, pages lost. */
    VM("splitmem.vm.v1");

    private final String kafkaName;

    Topic(String kafkaName) {
        this.kafkaName = kafkaName;
    }

    /** Its name in Kafka. */
    public String kafkaName() {
        return kafkaName;
    }

    /** Identifies the JSON Schema of its events' data. */
    public String schemaUri() {
        return "urn:splitmem:schema:" + kafkaName;
    }

    /** The schema's name among the resources of this module. */
    public String schemaResource() {
        return "/schemas/" + kafkaName + ".json";
    }

    /** The type of an event of this topic. */
    public String type(String kind) {
        return "org." + kafkaName + "." + kind;
    }

    /** @throws IllegalArgumentException if the type belongs to no topic */
    public static Topic ofType(String type) {
        return Arrays.stream(values())
                .filter(topic -> type.startsWith(topic.type("")))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no topic has events of the type " + type));
    }

    /** @throws IllegalArgumentException if there is none of that name */
    public static Topic named(String kafkaName) {
        return Arrays.stream(values())
                .filter(topic -> topic.kafkaName.equals(kafkaName))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no topic is named " + kafkaName));
    }
}
