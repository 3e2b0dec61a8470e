package org.splitmem.memory.linux;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.sun.jna.Native;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the kernel tells of other processes, see proc(5) and fcntl(2). Stateless. */
public final class Processes {
    static final int F_GETLK = 5;

    /** struct flock, LP64. */
    static final class Flock {
        static final int TYPE = 0, WHENCE = 2, START = 8, LEN = 16, PID = 24, SIZE = 32;
        static final short F_WRLCK = 1;
    }

    /** Of the fields of /proc/PID/stat behind the name, the one with the start time. */
    private static final int START_FIELD = 19;

    private static final int HEX = 16;

    /** A shared one in /proc/PID/maps; "of": device and inode of its file. */
    private static final Pattern AREA = Pattern.compile(
            "(?<start>\\p{XDigit}+)-(?<end>\\p{XDigit}+) ...s (?<offset>\\p{XDigit}+) (?<of>\\S+ \\d+)\\b.*");

    static {
        Native.register(Processes.class, "c");
    }

    private Processes() {}

    private static native int fcntl(int fd, int command, long argument); // fixed arity: no varargs in direct mapping

    /** @param process as {@link FdPassing#peerProcess} gives it */
    public static boolean hasExited(Fd process) throws LinuxException {
        try (Poller poller = new Poller(List.of(process))) {
            poller.await(0);
            return poller.readable(0);
        }
    }

    /** When a process started, in clock ticks since the host did; 0 if that cannot be read, or there is none of this number. */
    public static long startOf(int pid) {
        try {
            return startIn(Files.readString(Path.of("/proc/" + pid + "/stat"), ISO_8859_1));
        } catch (IOException e) {
            return 0;
        }
    }

    /** The name in it may have spaces and parentheses of its own. */
    static long startIn(String stat) {
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return Long.parseLong(fields[START_FIELD]);
    }

    /** The label that the kernel's security module gave a process, as in {@code libvirt-UUID (enforce)}; empty if there is no module. */
    public static String labelOf(int pid) throws IOException {
        try {
            String label = Files.readString(Path.of("/proc/" + pid + "/attr/current"), ISO_8859_1);
            int end = label.indexOf('\0');
            return (end < 0 ? label : label.substring(0, end)).strip();
        } catch (NoSuchFileException e) {
            return "";
        } catch (IOException e) { // EINVAL: no module has it
            if (Files.exists(Path.of("/proc/" + pid))) {
                return "";
            }
            throw e;
        }
    }

    /**
     * Proves that a process has a whole file mapped, shared, from its first byte on.
     *
     * @throws IOException naming where it has not
     */
    public static void requireShared(int pid, long start, long length, Path file) throws IOException {
        String of = deviceIn((Long) Files.getAttribute(file, "unix:dev")) + " " + Files.getAttribute(file, "unix:ino");
        long at = start;
        try (BufferedReader maps = Files.newBufferedReader(Path.of("/proc/" + pid + "/maps"), ISO_8859_1)) {
            String line;
            while (at < start + length && (line = maps.readLine()) != null) {
                Matcher area = AREA.matcher(line);
                boolean covers = area.matches()
                        && Long.parseUnsignedLong(area.group("start"), HEX) <= at
                        && Long.parseUnsignedLong(area.group("end"), HEX) > at;
                if (covers) {
                    long offset = at
                            - Long.parseUnsignedLong(area.group("start"), HEX)
                            + Long.parseUnsignedLong(area.group("offset"), HEX);
                    if (offset != at - start || !area.group("of").equals(of)) {
                        break;
                    }
                    at = Long.parseUnsignedLong(area.group("end"), HEX);
                }
            }
        }
        if (at < start + length) {
            throw new IOException("process " + pid + " has not mapped " + file + " at 0x" + Long.toHexString(at));
        }
    }

    /** As in /proc/PID/maps. */
    static String deviceIn(long number) {
        long major = (number >>> 8 & 0xFFF) | (number >>> 32 & ~0xFFFL);
        long minor = (number & 0xFF) | (number >>> 12 & 0xFFFFFF00L);
        return String.format("%02x:%02x", major, minor);
    }

    /** The process that holds a POSIX lock for writing on a file, as libvirt's QEMUs do on their pid files; 0 if none does. */
    public static int lockHolder(Path file) throws LinuxException {
        try (Fd opened = Unistd.open(file.toString(), Unistd.O_RDONLY)) {
            NativeBlock lock = new NativeBlock(Flock.SIZE);
            lock.putShort(Flock.TYPE, Flock.F_WRLCK).putShort(Flock.WHENCE, 0);
            lock.putLong(Flock.START, 0).putLong(Flock.LEN, 0).putInt(Flock.PID, 0);
            int rc = fcntl(opened.number(), F_GETLK, lock.address());
            int errno = Errno.last();
            NativeBlock.keep(lock);
            if (rc != 0) {
                throw new LinuxException("fcntl(F_GETLK, " + file + ")", errno);
            }
            return lock.getShort(Flock.TYPE) == Flock.F_WRLCK ? lock.getInt(Flock.PID) : 0;
        }
    }
}
