package org.splitmem.memory.drain;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.record.RecordFile;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.model.DrainRequest;
import org.splitmem.model.LendRequest;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SubHostShare;

/**
 * What this host lends: as configured, or as an operator has said since, which is in a file and outlives the daemon and the host. Any thread.
 *
 * <p>It is a state, not a run: {@link Drainer} looks what should leave and does not, again and again.
 */
public final class Lending {
    private static final Logger log = LoggerFactory.getLogger(Lending.class);
    private static final String LOST = "This host lends as splitmem.conf says. If it is to be drained, or to lend"
            + " another amount, say so again: \"splitmem drain\", \"splitmem lend\"";

    private final String self;
    private final long configuredBytes;
    private final Path file;
    private final MainHosts hosts;
    private final MemoryServer server;
    private volatile LendingRecord record; // written under this

    /**
     * Takes up what was said to an earlier daemon.
     *
     * @param self this host's name
     * @param configuredBytes the most that it lends if nothing else is said
     * @param server which lends accordingly from now on
     */
    public Lending(String self, long configuredBytes, Path file, MainHosts hosts, MemoryServer server)
            throws IOException {
        this.self = self;
        this.configuredBytes = configuredBytes;
        this.file = file;
        this.hosts = hosts;
        this.server = server;
        List<LendingRecord> said = RecordFile.loadList(file, LendingRecord[].class, LOST);
        this.record = said.isEmpty() ? LendingRecord.NOTHING : said.get(0);
        apply(record);
        if (record.draining()) {
            log.info("{} is drained, as was said to an earlier splitmemd", self);
        }
    }

    private void apply(LendingRecord said) {
        server.lend(
                limitBytes(said),
                said.draining()
                        ? "it is being drained, and lends nothing new: choose another host, or end that with \"splitmem"
                                + " drain " + self + " --cancel\""
                        : null);
    }

    private long limitBytes(LendingRecord said) {
        Long limit = said.limitBytes();
        return limit == null ? configuredBytes : limit;
    }

    String self() {
        return self;
    }

    long configuredBytes() {
        return configuredBytes;
    }

    LendingRecord record() {
        return record;
    }

    public MemoryServer server() {
        return server;
    }

    /** The VMs whose pages are to leave. */
    Set<UUID> leaving() {
        return Leaving.of(record, server.kept());
    }

    // ---- what an operator says

    /** From now on nothing new is lent, and all that is kept for others is to leave. @throws RefusedException if nothing has changed */
    public void drain(DrainRequest request) throws RefusedException {
        requireTakers(request.to());
        change(before -> before.drained(takers(before, request.to())));
        log.info("{} is drained, to {}", self, record.to());
    }

    /** What is still here stays, and this host lends again. @throws RefusedException if it is not drained */
    public synchronized void cancelDrain() throws RefusedException {
        if (!record.draining()) {
            throw new RefusedException(RefusalCode.NOT_BEING_DRAINED, self + " is not being drained");
        }
        change(LendingRecord::drainedNoMore);
        log.info("{} is drained no more", self);
    }

    /** Sets how much may be reserved; what is reserved above that is to leave. @throws RefusedException if nothing has changed */
    public void limit(LendRequest request) throws RefusedException {
        requireTakers(request.to());
        change(before -> before.limited(request.bytes(), takers(before, request.to())));
        log.info("{} lends at most {} B from now on, as was said", self, request.bytes());
    }

    /** It is as configured again. @throws RefusedException if nothing has changed */
    public void limitAsConfigured() throws RefusedException {
        change(before -> before.limited(null, null));
        log.info("{} lends at most {} B from now on, as configured", self, configuredBytes);
    }

    /** Those of before hold while anything is leaving and no others are named. @return null: those of before */
    private @Nullable List<SubHostShare> takers(LendingRecord before, List<SubHostShare> to) {
        boolean isUnderWay =
                before.draining() || !Leaving.of(before, server.kept()).isEmpty();
        return to.isEmpty() && isUnderWay ? null : to;
    }

    private void requireTakers(List<SubHostShare> to) throws RefusedException {
        for (SubHostShare share : to) {
            if (share.host().equals(self)) {
                throw new RefusedException(
                        RefusalCode.SAME_HOST, "to: " + self + " is the host whose pages are to leave");
            }
            try {
                hosts.requireKnown(share.host());
            } catch (IOException e) {
                throw new RefusedException(RefusalCode.HOST_NOT_FOUND, String.valueOf(e.getMessage()));
            }
        }
    }

    private void change(UnaryOperator<LendingRecord> change) throws RefusedException {
        try {
            note(change);
        } catch (IOException e) {
            throw new RefusedException(
                    RefusalCode.FAILED, file + " cannot be written, nothing has changed: " + e.getMessage());
        }
    }

    // ---- what is done about it

    /** @throws IOException if it cannot be written: nothing has changed */
    synchronized void note(UnaryOperator<LendingRecord> change) throws IOException {
        LendingRecord next = change.apply(record);
        if (next.equals(record)) {
            return;
        }
        RecordFile.saveDurably(file, List.of(next));
        apply(next); // before the record tells: until the server refuses, another reservation may come
        record = next;
    }
}
