package org.splitmem.systemtests;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.splitmem.cli.control.ControlClient;

/** The virtual hosts h1, h2, ... of devstack/cluster.sh, and what can be done to them. For one thread. */
final class Cluster {
    /** As many as devstack/test.sh has brought up before. */
    static final int HOSTS = 5;

    private static final String DEFAULT_STATE = "/var/lib/splitmem-test";

    private final Path devstack;
    private final Path state;
    private final Set<String> paused = new HashSet<>();
    private final Set<String> cut = new HashSet<>();
    private final Set<String> slowQemu = new HashSet<>();
    private final Set<String> withoutLibvirt = new HashSet<>();
    private boolean slow;

    private Cluster(Path devstack, Path state) {
        this.devstack = devstack;
        this.state = state;
    }

    /**
     * The cluster that $SPLITMEM_DEVSTACK_STATE names, as devstack/test.sh sets it; not up yet. A second JVM of the same tests has one
     * beside it, with "-2" at the end of its directory: their hosts are alike, and see nothing of each other.
     */
    static Cluster configured() {
        String repository = System.getProperty("splitmem.repository", "..");
        String state = System.getenv().getOrDefault("SPLITMEM_DEVSTACK_STATE", DEFAULT_STATE);
        String fork = System.getProperty("splitmem.fork", "-1");
        if (!fork.equals("-1")) {
            state += fork;
        }
        return new Cluster(Path.of(repository, "devstack").toAbsolutePath().normalize(), Path.of(state));
    }

    void up() {
        Job.require(List.of(devstack + "/guest/build-guest.sh", state + "/guest"));
        script("up", Integer.toString(HOSTS));
    }

    void down() {
        script("down");
        paused.clear();
        cut.clear();
        slowQemu.clear();
        withoutLibvirt.clear();
        slow = false;
    }

    List<String> hosts() {
        return IntStream.rangeClosed(1, HOSTS).mapToObj(k -> "h" + k).toList();
    }

    /** A file in the directory of the cluster, outside of all hosts. */
    Path file(String path) {
        return state.resolve(path);
    }

    Path devstack(String path) {
        return devstack.resolve(path);
    }

    static String address(String host) {
        return "10.78.0." + host.substring(1);
    }

    static String libvirtUri(String host) {
        return "qemu+tcp://" + address(host) + "/system";
    }

    /** Runs a sub-command of cluster.sh; it has to succeed. */
    String script(String... arguments) {
        return Job.require(command(arguments));
    }

    private List<String> command(String... arguments) {
        List<String> command = new ArrayList<>(List.of(devstack + "/cluster.sh", "--state", state.toString()));
        command.addAll(List.of(arguments));
        return command;
    }

    List<String> inHost(String how, String host, String... arguments) {
        List<String> command = command(how, host);
        command.addAll(List.of(arguments));
        return command;
    }

    Job start(String host, String... command) {
        return Job.start(inHost("exec", host, command));
    }

    Job.Result exec(String host, String... command) {
        return Job.run(inHost("exec", host, command));
    }

    Job startVirsh(String host, String... arguments) {
        return Job.start(inHost("virsh", host, arguments));
    }

    Job.Result virsh(String host, String... arguments) {
        return Job.run(inHost("virsh", host, arguments));
    }

    Cli cli(String host) {
        return new Cli(this, host);
    }

    /** The directory that is /run/splitmem in the host: the sockets in it can be reached from outside. */
    Path runDirectory(String host) {
        return state.resolve("hosts/" + host + "/run-splitmem");
    }

    /** The control API of a host's daemon, without the start-up time of the CLI: for polling. */
    ControlClient control(String host) {
        return new ControlClient(runDirectory(host).resolve("splitmemd.sock"));
    }

    // ---- processes

    long pid(String host, String service) {
        return Long.parseLong(script("pid", host, service).strip());
    }

    /** Pids of the QEMUs that run on a host, whoever started them; told apart by their network namespace. */
    List<Long> qemus(String host) {
        String namespace = networkNamespace(pid(host, "libvirtd"));
        return ProcessHandle.allProcesses()
                .map(ProcessHandle::pid)
                .filter(pid -> comm(pid).startsWith("qemu-system")
                        && networkNamespace(pid).equals(namespace))
                .toList();
    }

    /** Of these, the guest's: libvirt runs others, to ask what they can do. */
    List<Long> qemus(String host, Guest guest) {
        return qemus(host).stream()
                .filter(pid -> read(pid, "cmdline").contains(guest.uuid()))
                .toList();
    }

    private static String comm(long pid) {
        return read(pid, "comm");
    }

    private static String read(long pid, String file) {
        try {
            return Files.readString(Path.of("/proc/" + pid + "/" + file));
        } catch (IOException e) {
            return ""; // it has just ended
        }
    }

    private static String networkNamespace(long pid) {
        try {
            return Files.readSymbolicLink(Path.of("/proc/" + pid + "/ns/net")).toString();
        } catch (IOException e) {
            return "";
        }
    }

    static void signal(String signal, long pid) {
        Job.require(List.of("kill", "-s", signal, Long.toString(pid)));
    }

    // ---- faults

    /** As a crash does: by SIGKILL. */
    void killDaemon(String host) {
        script("stop-daemon", host, "--kill");
    }

    void stopDaemon(String host) {
        script("stop-daemon", host);
    }

    /** Restarts it with more lines in its configuration, instead of those of an earlier call. */
    void configure(String host, String lines) {
        try {
            Files.writeString(state.resolve("hosts/" + host + "/extra.conf"), lines + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        script("restart-daemon", host);
    }

    /** Starts it, or does nothing if it runs. */
    void startDaemon(String host) {
        if (!isRunning(host, "splitmemd")) {
            script("restart-daemon", host);
        }
    }

    boolean isRunning(String host, String service) {
        return Job.run(command("pid", host, service)).succeeded();
    }

    /** Its sockets stay open, and nobody answers on them. */
    void pauseDaemon(String host) {
        signal("STOP", pid(host, "splitmemd"));
        paused.add(host);
    }

    void continueDaemon(String host) {
        if (paused.remove(host)) {
            signal("CONT", pid(host, "splitmemd"));
        }
    }

    void cutNetwork(String host) {
        setLink(host, "down");
        cut.add(host);
    }

    void mendNetwork(String host) {
        if (cut.remove(host)) {
            setLink(host, "up");
        }
    }

    private void setLink(String host, String how) {
        Job.Result result = exec(host, "ip", "link", "set", "eth0", how);
        if (!result.succeeded()) {
            throw new AssertionError("the link of " + host + " cannot be set " + how + ": " + result.err());
        }
    }

    /** Guests run on, as they do without their libvirtd. */
    void killLibvirt(String host) {
        signal("KILL", pid(host, "libvirtd"));
        withoutLibvirt.add(host);
    }

    /** Limits every link to a rate as tc knows it; "off" for no limit. */
    void setBandwidth(String rate) {
        script("bandwidth", rate);
        slow = !rate.equals("off");
    }

    /** QEMU's own migrations from a host take many seconds, however little is in them; all else there is as fast as ever. */
    void slowQemuMigration(String host) {
        slowQemu.add(host);
        traffic(host, "qdisc add dev eth0 root handle 1: htb default 10");
        traffic(host, "class add dev eth0 parent 1: classid 1:10 htb rate 10gbit");
        traffic(host, "class add dev eth0 parent 1: classid 1:20 htb rate 200kbit");
        // To the ports of libvirt's default range, 49152 to 49215.
        traffic(host, "filter add dev eth0 parent 1: protocol ip u32 match ip dport 49152 0xffc0 flowid 1:20");
    }

    void mendQemuMigration(String host) {
        if (slowQemu.remove(host)) {
            traffic(host, "qdisc delete dev eth0 root");
        }
    }

    private void traffic(String host, String arguments) {
        Job.Result result = exec(host, ("tc " + arguments).split(" "));
        if (!result.succeeded()) {
            throw new AssertionError("tc " + arguments + " on " + host + ": " + result.err());
        }
    }

    /** Ends every fault that was made. */
    void repair() {
        for (String host : hosts()) {
            continueDaemon(host);
            mendNetwork(host);
            mendQemuMigration(host);
        }
        if (slow) {
            setBandwidth("off");
        }
        if (!withoutLibvirt.isEmpty()) {
            withoutLibvirt.clear();
            script("up");
        }
        hosts().forEach(this::startDaemon);
    }

    // ---- what is there

    /** What one command prints on a host, as lines. */
    List<String> lines(String host, String... command) {
        return exec(host, command).out().lines().filter(line -> !line.isBlank()).toList();
    }

    Path daemonLog(String host) {
        return state.resolve("log/" + host + "/splitmemd.log");
    }

    static String read(Path file) {
        try {
            return Files.exists(file) ? Files.readString(file) : "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
