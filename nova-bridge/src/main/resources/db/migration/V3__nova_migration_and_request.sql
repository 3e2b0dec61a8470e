-- What joins a migration with Nova's own record of it, and with Nova's logs.
ALTER TABLE migrations ADD COLUMN nova_migration_uuid VARCHAR(36) NULL;
ALTER TABLE migrations ADD COLUMN request_id VARCHAR(64) NULL;
