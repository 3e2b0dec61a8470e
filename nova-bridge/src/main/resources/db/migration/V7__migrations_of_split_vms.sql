-- 1: the VM was split already when its migration was planned: its main host changes, and its sub-hosts keep what they have, or send it there.
ALTER TABLE migrations ADD COLUMN was_split INTEGER NOT NULL DEFAULT 0;
