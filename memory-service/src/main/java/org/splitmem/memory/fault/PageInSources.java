package org.splitmem.memory.fault;

import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.remote.PageInClient;

/** Whom to ask for a page: the memory servers of one VM by index, and the migration's source. Any thread. */
public final class PageInSources {
    private static final int SOURCE = PageEntry.MAX_HOSTS;

    private final AtomicReferenceArray<@Nullable PageInClient> clients =
            new AtomicReferenceArray<>(PageEntry.MAX_HOSTS + 1);

    public void setHost(int host, PageInClient client) {
        clients.set(host, client);
    }

    public void setSource(PageInClient client) {
        clients.set(SOURCE, client);
    }

    public @Nullable PageInClient host(int host) {
        return clients.get(host);
    }

    /** Forgets a memory server whose pages are all elsewhere. @return the client, for the caller to close */
    public @Nullable PageInClient takeHost(int host) {
        return clients.getAndSet(host, null);
    }

    public @Nullable PageInClient source() {
        return clients.get(SOURCE);
    }

    /** Forgets the source, once every page has arrived. @return the client, for the caller to close */
    public @Nullable PageInClient takeSource() {
        return clients.getAndSet(SOURCE, null);
    }

    /** The client for an entry that is REMOTE or INCOMING. */
    PageInClient of(int entry) {
        int index = PageEntry.has(entry, PageEntry.FROM_SOURCE) ? SOURCE : PageEntry.host(entry);
        PageInClient client = clients.get(index);
        if (client == null) {
            throw new IllegalStateException("no memory server " + index + " for entry " + entry);
        }
        return client;
    }

    /** What fails on this host at present when pages arrive; null if nothing does. Any thread. */
    public @Nullable String trouble() {
        for (int i = 0; i < clients.length(); i++) {
            PageInClient client = clients.get(i);
            String its = client == null ? null : client.trouble();
            if (its != null) {
                return its;
            }
        }
        return null;
    }

    public void closeAll() {
        for (int i = 0; i < clients.length(); i++) {
            PageInClient client = clients.getAndSet(i, null);
            if (client != null) {
                client.close();
            }
        }
    }
}
