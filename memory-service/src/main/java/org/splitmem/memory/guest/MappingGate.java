package org.splitmem.memory.guest;

import java.util.concurrent.locks.StampedLock;

/**
 * Keeps page-out and mapping apart. Whoever maps a page into QEMU does it between {@link #enter} and {@link #leave}, from
 * reading its entry to the kernel's answer. A page-out first marks its pages, then calls {@link #awaitMappers}, then zaps:
 * mappings that were decided before the mark are in the page table by then, and go; those decided after it see the mark.
 * Without this a mapper that was put to sleep in between would map a page whose copy has just been taken.
 *
 * <p>Any thread; enter and leave allocate nothing.
 */
public final class MappingGate {
    private final StampedLock lock = new StampedLock();

    /** Must not be called twice in a row by a thread. @return the ticket for {@link #leave} */
    public long enter() {
        return lock.readLock();
    }

    public void leave(long ticket) {
        lock.unlockRead(ticket);
    }

    /** Returns once every mapping that had begun has been done. */
    public void awaitMappers() {
        lock.unlockWrite(lock.writeLock());
    }
}
