-- Times are milliseconds since 1970. Everything here is taken by MariaDB and by H2 in its MariaDB mode.

CREATE TABLE migrations (
    id              VARCHAR(36)  NOT NULL PRIMARY KEY,
    instance_uuid   VARCHAR(36)  NOT NULL,
    -- The instance's uuid while the migration is not over: at most one such for each.
    active_instance VARCHAR(36)  NULL,
    name            VARCHAR(255) NOT NULL,
    source          VARCHAR(255) NOT NULL,
    destination     VARCHAR(255) NOT NULL,
    status          VARCHAR(16)  NOT NULL,
    ram_mb          BIGINT       NOT NULL,
    main_mb         BIGINT       NOT NULL,
    project_id      VARCHAR(255) NOT NULL,
    user_id         VARCHAR(255) NOT NULL,
    -- JSON: extra specs; what was booked before; what is booked for the destination; what the daemon last told.
    extra_specs     TEXT         NOT NULL,
    source_side     TEXT         NOT NULL,
    target_side     TEXT         NOT NULL,
    progress        TEXT         NOT NULL,
    whole           INTEGER      NOT NULL,
    daemon_id       VARCHAR(64)  NULL,
    reason          TEXT         NULL,
    abort_asked     INTEGER      NOT NULL,
    created_ms      BIGINT       NOT NULL,
    updated_ms      BIGINT       NOT NULL,
    finished_ms     BIGINT       NULL,
    -- Which bridge looks after it, and until when that holds.
    lease_owner     VARCHAR(64)  NOT NULL,
    lease_until_ms  BIGINT       NOT NULL,
    CONSTRAINT one_active_migration UNIQUE (active_instance)
);

CREATE INDEX migrations_by_instance ON migrations (instance_uuid, created_ms);
CREATE INDEX migrations_by_status ON migrations (status, created_ms);

CREATE TABLE vms (
    instance_uuid   VARCHAR(36)  NOT NULL PRIMARY KEY,
    name            VARCHAR(255) NOT NULL,
    host            VARCHAR(255) NOT NULL,
    ram_mb          BIGINT       NOT NULL,
    main_mb         BIGINT       NOT NULL,
    project_id      VARCHAR(255) NOT NULL,
    user_id         VARCHAR(255) NOT NULL,
    booking         TEXT         NOT NULL,
    updated_ms      BIGINT       NOT NULL
);
