-- JSON: the flavor's extra specs and the image's traits, as Nova said them last; absent of VMs that were placed before this column was there.
ALTER TABLE vms ADD COLUMN extra_specs TEXT NULL;
