package org.splitmem.memory.sim.machine;

import java.util.ArrayList;
import java.util.List;

/** A host's kernel, as far as it differs from another host's: its address, its processes, and how much its tmpfs can hold. */
public final class SimHostOs {
    private final Kernel kernel;
    private final String name;
    private final int number;
    private final List<SimProcess> processes = new ArrayList<>();
    private long capacityPages = Long.MAX_VALUE;
    private boolean diskFails;
    private boolean slow;

    SimHostOs(Kernel kernel, String name, int number) {
        this.kernel = kernel;
        this.name = name;
        this.number = number;
    }

    Kernel kernel() {
        return kernel;
    }

    public String name() {
        return name;
    }

    int number() {
        return number;
    }

    public String address() {
        return "10.0.0." + number;
    }

    /** Where its files are. */
    public String root() {
        return "/" + name;
    }

    public SimProcess begin(String what) {
        SimProcess process = new SimProcess(name + "/" + what, this, kernel.nextPid());
        processes.add(process);
        kernel.began(process);
        return process;
    }

    /** How much more its tmpfs can hold: 0 has it full; a negative number: no limit. */
    public void limitDisk(long morePages) {
        capacityPages = morePages < 0 ? Long.MAX_VALUE : usedPages() + morePages;
    }

    /** Whether writing to its files fails. */
    public void failDisk(boolean fails) {
        diskFails = fails;
    }

    boolean diskFails() {
        return diskFails;
    }

    void slow(boolean now) {
        slow = now;
    }

    boolean isSlow() {
        return slow;
    }

    private long usedPages() {
        return kernel.files().files(root()).stream()
                .mapToLong(FileNode::dataPages)
                .sum();
    }

    boolean hasRoom(long pages) {
        return capacityPages == Long.MAX_VALUE || pages <= 0 || usedPages() + pages <= capacityPages;
    }

    /** Its processes have ended, and its memory is gone. */
    public void lose() {
        for (SimProcess process : List.copyOf(processes)) {
            kernel.kill(process);
        }
        kernel.files().wipe(root());
    }
}
