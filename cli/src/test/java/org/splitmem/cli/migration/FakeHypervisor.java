package org.splitmem.cli.migration;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** A libvirt that moves VMs by doing nothing, at once unless told otherwise. What it was asked is kept. */
public final class FakeHypervisor implements Hypervisor {
    private final List<String> calls = new CopyOnWriteArrayList<>();
    private final CountDownLatch aborted = new CountDownLatch(1);
    private volatile @Nullable String refusal;
    private volatile @Nullable String failure;
    private volatile boolean slow;

    /** requireRunning fails with this. */
    public FakeHypervisor refusing(String message) {
        refusal = message;
        return this;
    }

    /** migrate fails with this. */
    public FakeHypervisor failing(String message) {
        failure = message;
        return this;
    }

    /** migrate goes on until it is aborted. */
    public FakeHypervisor takingForEver() {
        slow = true;
        return this;
    }

    public List<String> calls() {
        return calls;
    }

    @Override
    public void requireRunning(String uuid) throws HypervisorException {
        if (refusal != null) {
            throw new HypervisorException(refusal);
        }
    }

    @Override
    public void migrate(String uuid, Route route) throws HypervisorException {
        calls.add("migrate " + uuid + " " + route.libvirtUri() + " " + route.migrateUri());
        if (slow) {
            try {
                aborted.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            throw new HypervisorException("operation aborted");
        }
        if (failure != null) {
            throw new HypervisorException(failure);
        }
    }

    @Override
    public void abort(String uuid) {
        calls.add("abort " + uuid);
        aborted.countDown();
    }

    @Override
    public void close() {
        calls.add("close");
    }
}
