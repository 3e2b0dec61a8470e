package org.splitmem.cli.migration;

/** What a migration needs of libvirt. Methods may be called from several threads. */
public interface Hypervisor extends AutoCloseable {
    /**
     * Makes sure that the VM runs here, before anything is asked of anyone.
     *
     * @throws HypervisorException if it does not, or cannot be found
     */
    void requireRunning(String uuid) throws HypervisorException;

    /**
     * Moves the VM's devices and vCPUs; its memory is splitmemd's business. Blocks until the VM runs at the destination.
     *
     * @throws HypervisorException if it did not get there
     */
    void migrate(String uuid, Route route) throws HypervisorException;

    /**
     * Makes a running {@link #migrate} fail.
     *
     * @throws HypervisorException if there is none, or it is too late
     */
    void abort(String uuid) throws HypervisorException;

    @Override
    void close();
}
