package org.splitmem.memory.vm;

/** What is run by {@link Vm#using}. */
public interface Use<E extends Exception> {
    void run() throws E;
}
