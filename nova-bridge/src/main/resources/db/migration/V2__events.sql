-- What bridges told of migrations and bookings. Several may tell the same; source and id together say that it is.

CREATE TABLE events (
    id              VARCHAR(255) NOT NULL,
    source          VARCHAR(255) NOT NULL,
    -- Microseconds since 1970: when it was written here, which is the order in which events are listed.
    recorded_us     BIGINT       NOT NULL,
    instance_uuid   VARCHAR(36)  NOT NULL,
    -- Absent: only for those who may see the whole cloud.
    project_id      VARCHAR(255) NULL,
    -- The CloudEvent in its JSON format. A plan's explanation has a line for each host, which may be more than TEXT takes.
    event           MEDIUMTEXT   NOT NULL,
    PRIMARY KEY (id, source)
) DEFAULT CHARACTER SET utf8mb4;

CREATE INDEX events_by_time ON events (recorded_us, id);
CREATE INDEX events_by_instance ON events (instance_uuid, recorded_us);
CREATE INDEX events_by_project ON events (project_id, recorded_us);
