package org.splitmem.memory.home;

import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.remote.PageInClient;
import org.splitmem.memory.remote.PageSource;

/** Where pages of one VM can be: its homes, by the index that page entries name, and the migration's source. Any thread. */
public final class Homes implements AutoCloseable {
    private final AtomicReferenceArray<@Nullable Home> homes = new AtomicReferenceArray<>(PageEntry.MAX_HOMES);
    private volatile @Nullable PageInClient source;

    public void set(int index, Home home) {
        homes.set(index, home);
    }

    /** Null if the VM has no home of that index. */
    public @Nullable Home find(int index) {
        return homes.get(index);
    }

    /** @throws IllegalStateException if the VM has no home of that index */
    public Home get(int index) {
        Home home = homes.get(index);
        if (home == null) {
            throw new IllegalStateException("the VM has no home " + index);
        }
        return home;
    }

    /** Forgets a home that no entry names any more. @return it, for the caller to close */
    public @Nullable Home take(int index) {
        return homes.getAndSet(index, null);
    }

    /** @param client not started yet */
    public void setSource(PageInClient client) {
        source = client;
    }

    public @Nullable PageInClient source() {
        return source;
    }

    /** Forgets the source, once every page has arrived. @return the client, for the caller to close */
    public @Nullable PageInClient takeSource() {
        PageInClient taken = source;
        source = null;
        return taken;
    }

    /** Whom to ask for the page of an entry that is REMOTE or INCOMING. */
    public PageSource of(int entry) {
        if (!PageEntry.has(entry, PageEntry.FROM_SOURCE)) {
            return get(PageEntry.home(entry));
        }
        PageSource from = source;
        if (from == null) {
            throw new IllegalStateException("the VM awaits nothing from a source, but for entry " + entry);
        }
        return from;
    }

    /** Begins to answer requests. */
    public void start() {
        forEach(Home::start);
        PageInClient from = source;
        if (from != null) {
            from.start();
        }
    }

    public void forEach(Consumer<Home> action) {
        for (int i = 0; i < homes.length(); i++) {
            Home home = homes.get(i);
            if (home != null) {
                action.accept(home);
            }
        }
    }

    /** What fails on this host at present when pages arrive; null if nothing does. */
    public @Nullable String trouble() {
        PageInClient from = source;
        String its = from == null ? null : from.trouble();
        for (int i = 0; i < homes.length() && its == null; i++) {
            Home home = homes.get(i);
            its = home == null ? null : home.trouble();
        }
        return its;
    }

    @Override
    public void close() {
        for (int i = 0; i < homes.length(); i++) {
            Home home = take(i);
            if (home != null) {
                home.close();
            }
        }
        PageInClient from = takeSource();
        if (from != null) {
            from.close();
        }
    }
}
