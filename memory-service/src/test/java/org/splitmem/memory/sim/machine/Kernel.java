package org.splitmem.memory.sim.machine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The kernels of all simulated hosts: descriptors, mappings, processes. One run's. */
public final class Kernel {
    private final Scheduler scheduler;
    private final Native memory = new Native();
    private final FileTree files = new FileTree(memory);
    private final Network network = new Network(this);
    private final Map<String, SimHostOs> hosts = new LinkedHashMap<>();
    private final Map<Integer, Descriptor> descriptors = new LinkedHashMap<>();
    private final Map<Long, Mapping> mappings = new HashMap<>();
    private final Map<Integer, SimProcess> processes = new HashMap<>();
    private final Map<SimProcess, List<GuestRam>> guests = new HashMap<>();
    private final WaitQueue pollers = new WaitQueue();
    private final ByteBuffer scratch =
            ByteBuffer.allocateDirect(Native.PAGE).order(ByteOrder.nativeOrder()); // zeros, but for words of contents
    private final boolean keepsArmed;
    private int nextDescriptor = 3;
    private int nextPid = 5_000;
    private long nextHva = 0x7F00_0000_0000L;

    private record Descriptor(OpenFile file, SimProcess owner) {}

    record Mapping(@Nullable FileNode file, SimProcess owner) {}

    public Kernel(Scheduler scheduler) {
        this.scheduler = scheduler;
        this.keepsArmed = scheduler.random().nextBoolean();
    }

    public SimHostOs addHost(String name) {
        SimHostOs host = new SimHostOs(this, name, hosts.size() + 1);
        hosts.put(name, host);
        files.makeDirectory(host.root(), 0);
        return host;
    }

    public Scheduler scheduler() {
        return scheduler;
    }

    /** A page whose content is that of the last one who wrote it: at the same places each time. */
    ByteBuffer scratch() {
        return scratch;
    }

    /** Whether a page that is punched stays armed. */
    boolean keepsArmed() {
        return keepsArmed;
    }

    Native memory() {
        return memory;
    }

    FileTree files() {
        return files;
    }

    Network network() {
        return network;
    }

    /** On the thread that made this. */
    public void close() {
        memory.close();
    }

    // ---- processes

    int nextPid() {
        return nextPid++;
    }

    void began(SimProcess process) {
        processes.put(process.pid(), process);
    }

    @Nullable
    SimProcess process(int pid) {
        return processes.get(pid);
    }

    /**
     * Ends a process at once. Its connections end, its threads go no step further but unwind, and what they still write to their mappings nobody
     * sees. The caller must look afterwards whether it is one of them.
     */
    public void kill(SimProcess process) {
        if (process.isDead()) {
            return;
        }
        scheduler.event(process + " is killed");
        process.die().forEach(Runnable::run);
        mappings.values().removeIf(mapping -> {
            if (mapping.owner == process && mapping.file != null) {
                mapping.file.detach(process);
            }
            return mapping.owner == process;
        });
        for (GuestRam ram : guests.getOrDefault(process, List.of())) {
            ram.unmap();
        }
        List<OpenFile> left = new ArrayList<>();
        descriptors.values().removeIf(one -> one.owner == process && left.add(one.file));
        left.forEach(OpenFile::release);
        scheduler.killThreads(process);
        changed();
    }

    // ---- descriptors

    int open(OpenFile file) {
        file.retain();
        int number = nextDescriptor++;
        descriptors.put(number, new Descriptor(file, self()));
        return number;
    }

    @Nullable
    OpenFile file(int number) {
        Descriptor found = descriptors.get(number);
        return found == null || found.owner != self() ? null : found.file;
    }

    boolean close(int number) {
        Descriptor found = descriptors.remove(number);
        if (found == null) {
            return false;
        }
        found.file.release();
        return true;
    }

    static SimProcess self() {
        return SimThread.currentThread().process();
    }

    static Kernel here() {
        SimProcess self = self();
        self.requireAlive();
        return self.host().kernel();
    }

    /** Something that poll looks at. */
    void changed() {
        pollers.wakeAll();
    }

    WaitQueue pollers() {
        return pollers;
    }

    // ---- mappings

    long map(@Nullable FileNode file, long length) {
        long address = file == null ? memory.allocate((int) length).address() : file.map(self());
        mappings.put(address, new Mapping(file, self()));
        return address;
    }

    void unmap(long address) {
        Mapping mapping = mappings.remove(address);
        if (mapping != null && mapping.file != null) {
            mapping.file.unmap(mapping.owner);
        }
    }

    /** As a QEMU maps RAM, and makes a userfaultfd for it. The file is as long as it has to be by then. */
    public GuestRam mapRam(int descriptor) {
        OpenFile.Regular file = (OpenFile.Regular) file(descriptor);
        GuestRam ram = new GuestRam(self(), this, file.node(), nextHva);
        nextHva += 1L << 30;
        guests.computeIfAbsent(self(), of -> new ArrayList<>()).add(ram);
        return ram;
    }

    /** A descriptor of its userfaultfd. */
    public int openUserfault(GuestRam ram) {
        return open(ram.uffd());
    }

    public long addressOf(GuestRam ram) {
        return ram.address();
    }

    /** UFFDIO_REGISTER, or UNREGISTER and WAKE if there is none. */
    public void setModes(GuestRam ram, int modes) {
        scheduler.point();
        ram.setModes(modes);
    }

    /** MADV_DONTNEED. */
    public void zap(GuestRam ram, int first, int count) {
        scheduler.point();
        ram.zap(first, count);
    }

    List<GuestRam> ramOf(SimProcess process) {
        return guests.getOrDefault(process, List.of());
    }

    @Nullable
    GuestRam ramAt(SimProcess process, long address) {
        for (GuestRam ram : ramOf(process)) {
            if (address >= ram.address() && address < ram.address() + ram.bytes()) {
                return ram;
            }
        }
        return null;
    }

    /** For inspections: the first word of a page of a file, which is zero in a hole; null if there is no such file. */
    public @Nullable Long wordIn(String path, int page) {
        FileTree.Entry entry = files.find(path);
        return entry == null || entry.file == null ? null : entry.file.bytes().getLong(page * Native.PAGE);
    }

    // ---- faults of the network

    public void cut(SimHostOs a, SimHostOs b) {
        scheduler.event("nothing gets through between " + a.name() + " and " + b.name());
        network.cut(a, b);
    }

    public void heal(SimHostOs a, SimHostOs b) {
        network.heal(a, b);
    }

    public boolean isCut(SimHostOs a, SimHostOs b) {
        return network.isCut(a, b);
    }

    /** One of the host's connections, or none. */
    public void reset(SimHostOs host) {
        any(host, "is reset").ifPresent(Connection::reset);
    }

    /** One of the host's connections, when it next sends something: that comes late, or never. */
    public void halfOpen(SimHostOs host) {
        network.loseNext(host);
    }

    /** What was to be half open is not. */
    public void loseNothing() {
        network.loseNothing();
    }

    /** Its threads wait for processors again and again. */
    public void slow(SimHostOs host, boolean isSlow) {
        host.slow(isSlow);
    }

    /** All of the host's connections. */
    public void corrupt(SimHostOs host) {
        network.of(host).forEach(Connection::corrupt);
    }

    private java.util.Optional<Connection> any(SimHostOs host, String what) {
        List<Connection> of = network.of(host);
        if (of.isEmpty()) {
            return java.util.Optional.empty();
        }
        Connection one = of.get(scheduler.random().nextInt(of.size()));
        scheduler.event("connection " + one + " " + what);
        return java.util.Optional.of(one);
    }
}
