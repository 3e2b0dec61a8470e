-- Where the splitmemd of each compute host is, as the Nova driver there registers it. A host is also a hypervisor, which is the name of its
-- resource provider.

CREATE TABLE hosts (
    name            VARCHAR(255) NOT NULL PRIMARY KEY,
    hypervisor      VARCHAR(255) NOT NULL,
    address         VARCHAR(64)  NOT NULL,
    control_port    INTEGER      NOT NULL,
    data_port       INTEGER      NOT NULL,
    -- Since when it is registered so, and when it was registered last.
    since_ms        BIGINT       NOT NULL,
    seen_ms         BIGINT       NOT NULL
);
