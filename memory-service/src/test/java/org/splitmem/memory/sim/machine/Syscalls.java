package org.splitmem.memory.sim.machine;

import java.nio.ByteBuffer;

/** System calls on files, memory and processes, with the descriptors that JNA's direct mapping gives them; those on sockets are beside. */
public final class Syscalls {
    private static final int CREATE = 0x40, SEEK_END = 2, SEEK_DATA = 3, PUNCH = 2, DUPLICATE = 1030, GET_FLAGS = 3;
    private static final int READ_WRITE_NONBLOCK = 0x802;
    private static final int WAKE = 2, ZERO = 4;

    private Syscalls() {}

    // ---- JNA's

    public static void register(Class<?> of, String library) {}

    public static int getLastError() {
        return SimThread.currentThread().errno();
    }

    static int fail(int errno) {
        SimThread.currentThread().setErrno(errno);
        return -1;
    }

    private static Kernel enter() {
        Kernel kernel = Kernel.here();
        kernel.scheduler().point();
        return kernel;
    }

    public static String strerror(int errno) {
        return "error " + errno;
    }

    public static String strerrorname_np(int errno) {
        return "errno";
    }

    // ---- files

    public static int open(String path, int flags, int mode) {
        Kernel kernel = enter();
        if (path.startsWith("/proc/")) {
            SimProcess process = kernel.process(Integer.parseInt(path.split("/", -1)[2]));
            return process == null || process.isDead()
                    ? fail(Errors.ENOENT)
                    : kernel.open(new OpenFile.Pagemap(process));
        }
        FileTree.Entry entry = kernel.files().find(path);
        if (entry == null && (flags & CREATE) == 0) {
            return fail(Errors.ENOENT);
        }
        if (entry == null) {
            if (Kernel.self().host().diskFails()) {
                return fail(Errors.EIO);
            }
            return kernel.open(new OpenFile.Regular(
                    kernel.files().make(path, kernel.scheduler().wallMs())));
        }
        return entry.file == null ? fail(Errors.EINVAL) : kernel.open(new OpenFile.Regular(entry.file));
    }

    public static int close(int fd) {
        SimThread self = SimThread.currentThread();
        if (self.process().isDead()) {
            return 0; // all of its descriptors are
        }
        return self.process().host().kernel().close(fd) ? 0 : fail(Errors.EBADF);
    }

    private static FileNode node(Kernel kernel, int fd) {
        return kernel.file(fd) instanceof OpenFile.Regular regular ? regular.node() : null;
    }

    public static long read(int fd, long address, long length) {
        Kernel kernel = enter();
        OpenFile file = kernel.file(fd);
        if (file instanceof GuestRam.Userfault uffd) {
            int read = uffd.read(address);
            return read == 0 ? fail(Errors.EAGAIN) : read;
        }
        if (file instanceof OpenFile.EventFd event) {
            return event.take() ? 8 : fail(Errors.EAGAIN);
        }
        return fail(Errors.EBADF);
    }

    public static long write(int fd, long address, long length) {
        Kernel kernel = enter();
        if (kernel.file(fd) instanceof OpenFile.EventFd event) {
            event.signal();
            kernel.changed();
            return length;
        }
        return fail(Errors.EBADF);
    }

    public static long lseek(int fd, long offset, int whence) {
        FileNode node = node(enter(), fd);
        if (node == null) {
            return fail(Errors.EBADF);
        }
        if (whence == SEEK_END) {
            return node.size();
        }
        long found = whence == SEEK_DATA ? node.nextData(offset) : node.nextHole(offset);
        return found < 0 ? fail(Errors.ENXIO) : found;
    }

    public static int ftruncate(int fd, long length) {
        FileNode node = node(enter(), fd);
        if (node == null) {
            return fail(Errors.EBADF);
        }
        node.truncate(length);
        return 0;
    }

    public static int fallocate(int fd, int mode, long offset, long length) {
        FileNode node = node(enter(), fd);
        if (node == null) {
            return fail(Errors.EBADF);
        }
        if ((mode & PUNCH) != 0) {
            node.punch(offset, length);
            return 0;
        }
        if (!Kernel.self().host().hasRoom(length / Native.PAGE - node.dataPages())) {
            return fail(Errors.ENOSPC);
        }
        node.fill(offset, length);
        return 0;
    }

    public static long pread(int fd, long address, long length, long offset) {
        Kernel kernel = enter();
        if (kernel.file(fd) instanceof OpenFile.Pagemap pagemap) {
            boolean isThere = !pagemap.process().isDead();
            return isThere ? length : 0;
        }
        FileNode node = node(kernel, fd);
        return node == null ? fail(Errors.EBADF) : node.read(offset, Native.at(address, length), (int) length);
    }

    public static long pwrite(int fd, long address, long length, long offset) {
        FileNode node = node(enter(), fd);
        if (node == null) {
            return fail(Errors.EBADF);
        }
        if (!Kernel.self().host().hasRoom(length / Native.PAGE)) {
            return fail(Errors.ENOSPC);
        }
        node.write(offset, Native.at(address, length), 0, (int) length);
        return length;
    }

    public static int fcntl(int fd, int command, int argument) {
        Kernel kernel = enter();
        OpenFile file = kernel.file(fd);
        if (file == null) {
            return fail(Errors.EBADF);
        }
        return switch (command) {
            case DUPLICATE -> kernel.open(file);
            case GET_FLAGS -> READ_WRITE_NONBLOCK;
            default -> fail(Errors.EINVAL);
        };
    }

    public static int fcntl(int fd, int command, long argument) {
        return fail(Errors.EINVAL);
    }

    public static int eventfd(int initial, int flags) {
        return enter().open(new OpenFile.EventFd());
    }

    public static int kill(int pid, int signal) {
        SimProcess process = enter().process(pid);
        return process == null || process.isDead() ? fail(Errors.ESRCH) : 0;
    }

    // ---- memory

    public static long mmap(long at, long length, int protection, int flags, int fd, long offset) {
        Kernel kernel = enter();
        if (fd < 0) {
            return kernel.map(null, length);
        }
        FileNode node = node(kernel, fd);
        return node == null ? fail(Errors.EBADF) : kernel.map(node, length);
    }

    public static int munmap(long address, long length) {
        if (!Kernel.self().isDead()) {
            Kernel.here().unmap(address);
        }
        return 0;
    }

    // ---- userfaultfd and pagemap

    public static int ioctl(int fd, long request, long argument) {
        Kernel kernel = enter();
        OpenFile file = kernel.file(fd);
        if (file instanceof OpenFile.Pagemap pagemap) {
            return scan(kernel, pagemap.process(), argument);
        }
        if (file instanceof GuestRam.Userfault uffd) {
            return userfault(uffd.ram(), (int) request & 0xFF, argument);
        }
        return fail(Errors.EBADF);
    }

    private static int userfault(GuestRam ram, int request, long argument) {
        int page = (int) ((Native.getLong(argument) - ram.address()) / Native.PAGE);
        int count = (int) (Native.getLong(argument + 8) / Native.PAGE);
        if (request == WAKE) {
            ram.wake(page, count);
            return 0;
        }
        int errno = ram.map(page, count, request == ZERO);
        return errno == 0 ? 0 : fail(errno);
    }

    /** struct pm_scan_arg: as the product fills it. */
    private static int scan(Kernel kernel, SimProcess process, long argument) {
        long start = Native.getLong(argument + 16);
        long end = Native.getLong(argument + 24);
        long vector = Native.getLong(argument + 40);
        int room = (int) Native.getLong(argument + 48);
        boolean arms = (Native.getLong(argument + 8) & 1) != 0;
        Native.putLong(argument + 32, end);
        GuestRam ram = kernel.ramAt(process, start);
        if (process.isDead() || ram == null) {
            return 0; // as kernels without a check do
        }
        int runs = 0;
        long runEnd = 0;
        for (long at = start; at < end; at += Native.PAGE) {
            int page = (int) ((at - ram.address()) / Native.PAGE);
            if (!ram.isWritten(page)) {
                continue;
            }
            if (at != runEnd) {
                if (runs == room) {
                    Native.putLong(argument + 32, at);
                    return runs;
                }
                Native.putLong(vector + runs * 24L, at);
                runs++;
            }
            runEnd = at + Native.PAGE;
            Native.putLong(vector + (runs - 1) * 24L + 8, runEnd);
            if (arms) {
                ram.arm(page);
            }
        }
        return runs;
    }

    // ---- sockets: see SocketCalls

    public static int socket(int domain, int type, int protocol) {
        return SocketCalls.socket(enter(), domain);
    }

    public static int bind(int fd, long address, int length) {
        return SocketCalls.bind(enter(), fd, address, length);
    }

    public static int listen(int fd, int backlog) {
        return SocketCalls.listen(enter(), fd);
    }

    public static int connect(int fd, long address, int length) {
        return SocketCalls.connect(enter(), fd, address, length);
    }

    public static int accept4(int fd, long address, long length, int flags) {
        return SocketCalls.accept(enter(), fd, address);
    }

    public static int shutdown(int fd, int how) {
        return SocketCalls.shutdown(enter(), fd, how);
    }

    public static int setsockopt(int fd, int level, int name, long value, int length) {
        return SocketCalls.setOption(enter(), fd, name, value);
    }

    public static int getsockopt(int fd, int level, int name, long value, long length) {
        return SocketCalls.getOption(enter(), fd, name, value);
    }

    public static long send(int fd, long address, long length, int flags) {
        return SocketCalls.send(enter(), fd, Native.at(address, length), null);
    }

    public static long recv(int fd, long address, long length, int flags) {
        return SocketCalls.receive(enter(), fd, Native.at(address, length), flags);
    }

    public static long sendmsg(int fd, long header, int flags) {
        return SocketCalls.sendMessage(enter(), fd, header);
    }

    public static long recvmsg(int fd, long header, int flags) {
        return SocketCalls.receiveMessage(enter(), fd, header, flags);
    }

    public static long sendfile(int fd, int file, long position, long length) {
        Kernel kernel = enter();
        FileNode node = node(kernel, file);
        long offset = Native.getLong(position);
        if (node == null) {
            return fail(Errors.EBADF);
        }
        int most = (int) Math.min(length, node.size() - offset);
        if (most <= 0) {
            return 0;
        }
        ByteBuffer copy = ByteBuffer.allocate(most);
        node.read(offset, copy, most);
        long sent = SocketCalls.send(kernel, fd, copy, null);
        if (sent > 0) {
            Native.putLong(position, offset + sent);
        }
        return sent;
    }

    public static int poll(long entries, long count, int timeoutMs) {
        Kernel kernel = enter();
        long until = timeoutMs < 0 ? Long.MAX_VALUE : kernel.scheduler().now() + timeoutMs * 1_000_000L;
        while (true) {
            int ready = 0;
            for (int i = 0; i < count; i++) {
                OpenFile file = kernel.file(Native.getInt(entries + i * 8L));
                int found = file == null ? 32 : file.isReadable() ? 1 : 0;
                Native.putShort(entries + i * 8L + 6, found);
                ready += found == 0 ? 0 : 1;
            }
            if (ready > 0 || timeoutMs == 0 || kernel.scheduler().now() >= until) {
                return ready;
            }
            kernel.scheduler().await(kernel.pollers(), until);
        }
    }
}
