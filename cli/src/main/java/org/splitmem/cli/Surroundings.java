package org.splitmem.cli;

import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.splitmem.cli.libvirt.LibvirtHypervisor;
import org.splitmem.cli.migration.Hypervisor;
import org.splitmem.cli.migration.HypervisorException;
import org.splitmem.cli.migration.MigrationRun;

/**
 * What the commands find around them.
 *
 * @param out for results
 * @param err for progress, warnings and errors
 * @param columns width of the terminal that err is; 0 if it is none
 */
record Surroundings(
        InputStream in,
        PrintWriter out,
        PrintWriter err,
        int columns,
        Map<String, String> environment,
        HypervisorFactory hypervisors,
        MigrationRun.Pace pace) {
    /** Set by the launcher, since the JVM cannot tell whether standard error is a terminal. */
    private static final String COLUMNS = "splitmem.columns";

    /** Opens the way to libvirt. */
    interface HypervisorFactory {
        Hypervisor connect(String uri) throws HypervisorException;
    }

    static Surroundings ofProcess() {
        return new Surroundings(
                System.in,
                new PrintWriter(System.out, true, StandardCharsets.UTF_8),
                new PrintWriter(System.err, true, StandardCharsets.UTF_8),
                Integer.getInteger(COLUMNS, 0),
                System.getenv(),
                LibvirtHypervisor::connect,
                MigrationRun.Pace.NORMAL);
    }
}
