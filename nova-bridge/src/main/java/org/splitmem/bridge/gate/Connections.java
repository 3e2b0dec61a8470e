package org.splitmem.bridge.gate;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.eclipse.jetty.io.Connection;
import org.jspecify.annotations.Nullable;

/**
 * The connections of a listener, of which those without a request in work are closed after a while.
 *
 * <p>The time counts from the connection's start, or the end of its last answer, to the end of the next request's headers: a client that sends a
 * byte now and then gains nothing. When there are too many, the one that has been idle longest makes room, so that a flood of connections keeps
 * nobody else out. Any thread.
 */
final class Connections implements Connection.Listener {
    private final int most;
    private final long idleNs;
    private final LongSupplier clock;
    private final Budgets byProject;

    /** Those without a request, by how long they have been so, and since when. */
    private final Map<Connection, Long> idle = new LinkedHashMap<>(); // guarded by this

    /** Those with one. */
    private final Map<Connection, Boolean> busy = new LinkedHashMap<>(); // guarded by this

    /** Which project used a connection last; absent until one has. */
    private final Map<Connection, String> owners = new LinkedHashMap<>(); // guarded by this

    /** @param clock in nanoseconds, as System.nanoTime */
    Connections(int most, Duration idle, Budgets byProject, LongSupplier clock) {
        this.most = most;
        this.idleNs = idle.toNanos();
        this.byProject = byProject;
        this.clock = clock;
    }

    @Override
    public void onOpened(Connection connection) {
        Connection surplus;
        synchronized (this) {
            idle.put(connection, clock.getAsLong());
            surplus =
                    idle.size() + busy.size() > most ? idle.keySet().iterator().next() : null;
        }
        if (surplus != null) {
            surplus.getEndPoint().close();
        }
    }

    @Override
    public void onClosed(Connection connection) {
        String owner;
        synchronized (this) {
            idle.remove(connection);
            busy.remove(connection);
            owner = owners.remove(connection);
        }
        if (owner != null) {
            byProject.leave(owner);
        }
    }

    /** A request has come whole but for its body. */
    synchronized void begin(Connection connection) {
        if (idle.remove(connection) != null) {
            busy.put(connection, true);
        }
    }

    /** It is answered, or was given up. */
    synchronized void end(Connection connection) {
        if (busy.remove(connection) != null) {
            idle.put(connection, clock.getAsLong());
        }
    }

    /** Counts the connection as the project's. @return false if the project has as many as it may have */
    boolean own(Connection connection, String project) {
        String before;
        synchronized (this) {
            before = owners.get(connection);
            if (project.equals(before)) {
                return true;
            }
            if (!byProject.enter(project)) {
                return false;
            }
            if (idle.containsKey(connection) || busy.containsKey(connection)) {
                owners.put(connection, project);
            } else {
                before = project; // it was closed meanwhile
            }
        }
        release(before);
        return true;
    }

    private void release(@Nullable String owner) {
        if (owner != null) {
            byProject.leave(owner);
        }
    }

    /** Closes those whose time is over. */
    void sweep() {
        List<Connection> over = new ArrayList<>();
        synchronized (this) {
            long now = clock.getAsLong();
            Iterator<Map.Entry<Connection, Long>> eldest = idle.entrySet().iterator();
            while (eldest.hasNext()) {
                Map.Entry<Connection, Long> one = eldest.next();
                if (now - one.getValue() < idleNs) {
                    break;
                }
                over.add(one.getKey());
            }
        }
        over.forEach(connection -> connection.getEndPoint().close());
    }

    synchronized int open() {
        return idle.size() + busy.size();
    }

    long sweepIntervalMs() {
        return Math.max(50, Math.min(1000, TimeUnit.NANOSECONDS.toMillis(idleNs) / 4));
    }
}
