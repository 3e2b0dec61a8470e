package org.splitmem.memory.guest;

import java.util.List;
import java.util.Objects;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Userfaultfd;
import org.splitmem.memory.page.Pages;

/**
 * How QEMU sees the RAM: for each backend its address in QEMU ("hva") and the userfaultfd that watches it.
 *
 * <p>Any thread may call; each passes an argument block of its own, see {@link #newArgument}.
 */
public final class QemuMemory {
    /** One backend as the shim mapped it; the descriptor stays its owner's, who keeps it open for as long as this is used. */
    public record Mapping(long hva, long bytes, Fd uffd) {}

    private final GuestMemory memory;
    private final Mapping[] mappings;
    private final int pid;

    /** @throws IllegalArgumentException if the mappings do not fit the memory's backends */
    public QemuMemory(GuestMemory memory, List<Mapping> mappings, int pid) {
        if (mappings.size() != memory.backends()) {
            throw new IllegalArgumentException(mappings.size() + " mappings for " + memory.backends() + " backends");
        }
        for (int i = 0; i < mappings.size(); i++) {
            if (mappings.get(i).bytes() != memory.file(i).bytes()) {
                throw new IllegalArgumentException(
                        "backend " + i + " is mapped with " + mappings.get(i).bytes() + " B but has "
                                + memory.file(i).bytes());
            }
        }
        this.memory = memory;
        this.mappings = mappings.toArray(Mapping[]::new);
        this.pid = pid;
    }

    /** A block for the calls of one thread. */
    public static NativeBlock newArgument() {
        return new NativeBlock(Userfaultfd.ARGUMENT_SIZE);
    }

    public int pid() {
        return pid;
    }

    public int backends() {
        return mappings.length;
    }

    public Fd uffd(int backend) {
        return mappings[backend].uffd();
    }

    public long hva(int backend) {
        return mappings[backend].hva();
    }

    /** The page that a fault address of a backend lies in. */
    public long pageAt(int backend, long address) {
        long offset = address - mappings[backend].hva();
        Objects.checkIndex(offset, mappings[backend].bytes());
        return memory.firstPage(backend) + Pages.fromBytes(offset);
    }

    long hvaOf(int backend, long page) {
        return mappings[backend].hva() + Pages.toBytes(page - memory.firstPage(backend));
    }

    /** Maps pages that are in the file, within one backend. @return 0 or the errno */
    public int continuePages(NativeBlock argument, long page, long count) {
        int backend = memory.backendOf(page);
        return Userfaultfd.continueRange(
                mappings[backend].uffd(), argument, hvaOf(backend, page), Pages.toBytes(count));
    }

    /** The same for pages that are not to count as written by that. */
    public int continueArmed(NativeBlock argument, long page, long count) {
        int backend = memory.backendOf(page);
        return Userfaultfd.continueArmed(
                mappings[backend].uffd(), argument, hvaOf(backend, page), Pages.toBytes(count));
    }

    /** Fills holes with zero pages, within one backend. @return 0 or the errno */
    public int zeroPages(NativeBlock argument, long page, long count) {
        int backend = memory.backendOf(page);
        return Userfaultfd.zeroRange(mappings[backend].uffd(), argument, hvaOf(backend, page), Pages.toBytes(count));
    }

    /** Lets waiting threads retry their faults; the run may cross backends. */
    public void wake(NativeBlock argument, long page, long count) {
        long at = page;
        while (at < page + count) {
            int backend = memory.backendOf(at);
            long end = memory.endOfPart(at, page + count);
            Userfaultfd.wake(mappings[backend].uffd(), argument, hvaOf(backend, at), Pages.toBytes(end - at));
            at = end;
        }
    }
}
