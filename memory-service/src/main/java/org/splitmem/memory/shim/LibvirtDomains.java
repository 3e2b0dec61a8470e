package org.splitmem.memory.shim;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.Errno;
import org.splitmem.memory.linux.FdPassing;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.Processes;

/**
 * What libvirt says of the QEMUs that it has started, in its state directory, which only root can write: NAME.pid has the process, which
 * itself holds the lock on that file from before it became QEMU until it ends; NAME.xml has the VM and its security labels. Both are there
 * before QEMU is executed, and stay while libvirt is restarted.
 *
 * <p>A process that has broken out of its VM can change its command line, its environment and its name, and can pass its sockets on, but
 * neither its number nor these files. Whoever asks proves afterwards that the process still runs, so that its number is no later one's.
 */
public final class LibvirtDomains implements Hypervisor {
    private static final String PID_FILES = "*.pid";
    private static final String SUFFIX = ".pid";
    private static final int ROOT = 0;
    /** Of a pid file. */
    private static final long MOST_BYTES = 32;

    /** As in +64055:+64055, or without the signs. */
    private static final Pattern USER = Pattern.compile("\\+?(\\d{1,10}):.*");

    private static final int NONE = 0;

    private final Path directory;
    private final int owner;
    /** By process, as last read. Each is looked at anew: so that a daemon that was restarted does not read all for each of its VMs. */
    private volatile Map<Integer, Path> pidFiles = Map.of();

    /** @param directory as /run/libvirt/qemu */
    public LibvirtDomains(Path directory) {
        this(directory, ROOT);
    }

    /** @param owner to whom all files there must belong */
    LibvirtDomains(Path directory, int owner) {
        this.directory = directory;
        this.owner = owner;
    }

    @Override
    public @Nullable Qemu qemuOf(FdPassing.Peer process) throws IOException {
        Path pidFile = pidFiles.get(process.pid());
        if (pidFile == null || numberIn(pidFile) != process.pid()) {
            pidFiles = readAll();
            pidFile = pidFiles.get(process.pid());
        }
        return pidFile == null ? null : qemuIn(pidFile, process);
    }

    private Map<Integer, Path> readAll() throws IOException {
        Map<Integer, Path> found = new HashMap<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(directory, PID_FILES)) {
            for (Path pidFile : all) {
                int number = numberIn(pidFile);
                if (number != NONE) {
                    found.put(number, pidFile);
                }
            }
        } catch (NoSuchFileException e) {
            throw new IOException(directory + " is missing: libvirt.state-directory of splitmem.conf", e);
        }
        return Map.copyOf(found);
    }

    /** @return the process that it names and that holds its lock; {@link #NONE} if there is no such process */
    private int numberIn(Path pidFile) throws IOException {
        try {
            if (Files.size(pidFile) > MOST_BYTES || !isTrusted(pidFile)) {
                return NONE;
            }
            String number =
                    Files.readString(pidFile, StandardCharsets.ISO_8859_1).strip();
            int holder = Processes.lockHolder(pidFile);
            return number.equals(Integer.toString(holder)) ? holder : NONE;
        } catch (NoSuchFileException ended) {
            return NONE;
        } catch (LinuxException e) {
            if (e.errno() == Errno.ENOENT) { // it has ended between the two
                return NONE;
            }
            throw e;
        }
    }

    private boolean isTrusted(Path file) throws IOException {
        return (Integer) Files.getAttribute(file, "unix:uid") == owner;
    }

    private @Nullable Qemu qemuIn(Path pidFile, FdPassing.Peer process) throws IOException {
        String file = pidFile.getFileName().toString();
        String name = file.substring(0, file.length() - SUFFIX.length());
        Path status = directory.resolve(name + ".xml");
        if (!Files.exists(status)) {
            return null; // libvirt's own process: driver.pid
        }
        if (!isTrusted(status)) {
            throw new IOException(status + " does not belong to user " + owner);
        }
        DomainStatus domain = DomainStatus.read(status);
        if (domain.pid() != process.pid()) {
            throw new IOException(status + " is of process " + domain.pid() + ", not " + process.pid());
        }
        requireUser(domain.dacLabel(), process);
        requireLabel(domain, process.pid());
        return new Qemu(domain.uuid(), domain.name(), process.pid());
    }

    private static void requireUser(String label, FdPassing.Peer process) throws IOException {
        Matcher user = USER.matcher(label);
        if (user.matches() && Long.parseLong(user.group(1)) != process.uid()) {
            throw new IOException("process " + process.pid() + " runs as user " + process.uid()
                    + ", but libvirt has started it as " + label);
        }
    }

    private static void requireLabel(DomainStatus domain, int pid) throws IOException {
        String expected = domain.macLabel();
        if (expected.isEmpty()) {
            return;
        }
        String is = Processes.labelOf(pid);
        if (!is.equals(expected) && !is.startsWith(expected + " (")) {
            throw new IOException("process " + pid + " has the security label \"" + is
                    + "\", but libvirt has started it with \"" + expected + "\"");
        }
    }
}
