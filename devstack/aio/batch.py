"""Runs the lines of its input as commands of the openstack client, all in one process, as its start costs seconds.

Unlike the client's own interactive mode, of which the exit code means nothing, it ends at the first command that fails.
"""

import shlex
import sys

from openstackclient import shell


class Batch(shell.OpenStackShell):
    status = 1

    def interact(self):
        for line in self.stdin:
            self.status = self.run_subcommand(shlex.split(line))
            if self.status:
                print("failed: %s" % line.split("--password")[0].strip(), file=sys.stderr)
                return self.status
        self.status = 0
        return self.status


batch = Batch()
batch.run([])
sys.exit(batch.status)
