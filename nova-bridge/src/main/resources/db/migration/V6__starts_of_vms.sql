-- 1: the VM was placed to be started there, and has not been seen to run as it was placed. 0: it runs, or has come by a migration.
ALTER TABLE vms ADD COLUMN start_awaited INTEGER NOT NULL DEFAULT 1;
