-- What waits for Kafka, in the order in which it was written. A row is written with what it tells of, in one transaction, and by one bridge
-- only, if several tell the same.

CREATE TABLE outbox (
    number          BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    -- kept, or samples: which are dropped first when too many wait.
    lane            VARCHAR(16)  NOT NULL,
    id              VARCHAR(255) NOT NULL,
    source          VARCHAR(255) NOT NULL,
    instance_uuid   VARCHAR(36)  NOT NULL,
    -- The CloudEvent in its JSON format; empty once it was sent.
    event           MEDIUMTEXT   NOT NULL,
    -- When Kafka had acknowledged it, in microseconds since 1970. The row stays for a while, so that another bridge does not write it again.
    sent_us         BIGINT       NULL,
    CONSTRAINT outbox_has_each_event_once UNIQUE (id, source)
) DEFAULT CHARACTER SET utf8mb4;

CREATE INDEX outbox_by_lane ON outbox (lane, sent_us, number);

-- Samples that were dropped, by VM, and that no sample which was sent has reported yet.
CREATE TABLE outbox_drops (
    instance_uuid   VARCHAR(36)  NOT NULL PRIMARY KEY,
    dropped         BIGINT       NOT NULL
);

-- Which bridge sends, and until when that holds. One row.
CREATE TABLE outbox_lease (
    id              INTEGER      NOT NULL PRIMARY KEY,
    lease_owner     VARCHAR(64)  NOT NULL,
    lease_until_ms  BIGINT       NOT NULL
);

INSERT INTO outbox_lease (id, lease_owner, lease_until_ms) VALUES (1, '', 0);
