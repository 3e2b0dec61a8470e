package org.splitmem.memory.server;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;

/**
 * The last owners that were fenced, so that one which comes back is told why it is refused. That it is refused does not depend on this:
 * its token is of no store any more. Confined to the memory server's lock.
 */
final class FencedOwners {
    private static final int REMEMBERED = 1024;

    private record Fenced(String host, String token, long epoch) {}

    private final Map<UUID, Fenced> byVm = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<UUID, Fenced> eldest) {
            return size() > REMEMBERED;
        }
    };

    void add(StoreRecord store, String host) {
        byVm.remove(store.vm()); // the newest is the last to be forgotten
        byVm.put(store.vm(), new Fenced(host, store.token(), store.epoch()));
    }

    /** @throws PeerException if the caller shows what a fenced owner had */
    void check(Hello hello) throws PeerException {
        Fenced owner = byVm.get(hello.vm());
        if (owner != null && hello.shows(owner.token())) {
            throw new PeerException(
                    ErrorCode.STALE_EPOCH,
                    "VM " + hello.vm() + " was fenced on " + owner.host() + ", after epoch " + owner.epoch()
                            + ": what it had here is freed");
        }
    }
}
