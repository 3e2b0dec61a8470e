package org.splitmem.memory.sim.machine;

/** What a descriptor refers to; shared by those that were duplicated or passed on. */
abstract class OpenFile {
    private int references;

    final void retain() {
        references++;
    }

    final void release() {
        references--;
        if (references == 0) {
            closed();
        }
    }

    /** The last descriptor is closed. */
    void closed() {}

    /** Whether poll finds it readable. */
    boolean isReadable() {
        return false;
    }

    /** A file in a file system. */
    static final class Regular extends OpenFile {
        private final FileNode node;

        Regular(FileNode node) {
            this.node = node;
        }

        FileNode node() {
            return node;
        }
    }

    /** A counter that is above zero or not. */
    static final class EventFd extends OpenFile {
        private boolean signalled;

        void signal() {
            signalled = true;
        }

        boolean take() {
            boolean was = signalled;
            signalled = false;
            return was;
        }

        @Override
        boolean isReadable() {
            return signalled;
        }
    }

    /** A process. */
    static final class PidFd extends OpenFile {
        private final SimProcess process;

        PidFd(SimProcess process) {
            this.process = process;
        }

        @Override
        boolean isReadable() {
            return process.isDead();
        }
    }

    /** What a process has written. */
    static final class Pagemap extends OpenFile {
        private final SimProcess process;

        Pagemap(SimProcess process) {
            this.process = process;
        }

        SimProcess process() {
            return process;
        }
    }
}
