package org.splitmem.cli;

import java.util.List;
import org.splitmem.model.HostInfo;
import org.splitmem.model.HostStatus;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

@Command(name = "hosts", description = "List this host and its peers, and how much memory each can lend.")
final class HostsCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Override
    public void run() {
        List<HostStatus> hosts = splitmem.control().hosts();
        var table = new Table(
                "no hosts",
                "NAME",
                "ADDRESS",
                ">FREE",
                ">LENDS",
                ">LENT",
                ">HOLDS",
                ">VMS",
                "VERSION",
                "KERNEL",
                "STATE");
        for (HostStatus host : hosts) {
            HostInfo info = host.info();
            if (info == null) {
                String error = host.error();
                table.row(
                        host.name(),
                        host.address(),
                        "-",
                        "-",
                        "-",
                        "-",
                        "-",
                        "-",
                        "-",
                        error == null ? "not reachable" : "not reachable: " + error);
            } else {
                table.row(
                        host.name(),
                        host.address(),
                        Text.size(info.freeBytes()),
                        Text.size(info.lendLimitBytes()),
                        Text.size(info.lentBytes()),
                        Text.size(info.heldBytes()),
                        Integer.toString(info.vms()),
                        info.version(),
                        info.kernel(),
                        Boolean.TRUE.equals(info.draining()) ? "draining" : "ok");
            }
        }
        splitmem.print(hosts, table);
    }
}
