package org.splitmem.memory.shim;

import java.util.UUID;

/** A process that runs a VM, by the word of who started it: nothing of this was said by the process itself. */
public record Qemu(UUID vm, String name, int pid) {}
