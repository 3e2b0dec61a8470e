package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.stream.BulkSender;
import org.splitmem.memory.stream.Flushes;
import org.splitmem.memory.stream.PagesFrame;
import org.splitmem.memory.wire.RunList;

/** Sends every dirty page to where it is planned, over all streams at once. One round at a time. */
final class RoundSender implements AutoCloseable {
    private static final long CHUNK_PAGES = 2048;
    /** The first report tells how long the round will take, and so when the hypervisor is to be asked: until then it waits for nothing. */
    private static final long PROGRESS_MS = 60;

    private static final long END_S = 10;

    private final boolean isSplit;
    private final PageTable table;
    private final TransferLog transfers;
    private final List<StreamGroup> groups;
    private final ExecutorService workers;
    private final LongAdder sentPages = new LongAdder();
    private final LongAdder againPages = new LongAdder();
    /** Whether pages were sent before the present round, so that older copies of them may be anywhere. */
    private boolean sentBefore;

    /** @param isSplit whether the VM is, so that the table outlives the migration */
    RoundSender(boolean isSplit, PageTable table, TransferLog transfers, List<StreamGroup> groups) {
        this.isSplit = isSplit;
        this.table = table;
        this.transfers = transfers;
        this.groups = groups;
        int threads = groups.stream().mapToInt(g -> g.senders().size()).sum();
        this.workers = Executors.newFixedThreadPool(threads, task -> {
            Thread thread = new Thread(task, "migration-stream");
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * Sends one round, and returns when every page of it is stored where it belongs, but for those that are dirty again: the guest wrote
     * them while they were sent, or they were damaged on their way.
     *
     * @param cut once true, pages not yet taken stay dirty
     * @param progress told now and then how many pages were sent since the migration began
     */
    void send(List<StreamGroup> to, BooleanSupplier cut, LongConsumer progress) throws IOException {
        againPages.reset();
        AtomicReference<@Nullable IOException> failed = new AtomicReference<>();
        List<Future<?>> running = new ArrayList<>();
        for (StreamGroup group : to) {
            group.rewind();
            for (BulkSender sender : group.senders()) {
                running.add(submit(() -> {
                    try {
                        new Worker(group, sender).send(cut);
                    } catch (IOException | RuntimeException e) {
                        fail(to, group, e, failed);
                    }
                }));
            }
        }
        await(running, progress);
        sentBefore = true;
        IOException first = failed.get();
        if (first != null) {
            throw first;
        }
        progress.accept(sentPages.sum());
    }

    private Future<?> submit(Runnable worker) throws IOException {
        try {
            return workers.submit(worker);
        } catch (RejectedExecutionException e) { // pushing begins when the migration may just be given up
            throw new IOException("the migration has ended", e);
        }
    }

    /** Without one of its streams a round cannot succeed: the others end, too, instead of sending on for nothing. */
    private static void fail(
            List<StreamGroup> to, StreamGroup group, Exception why, AtomicReference<@Nullable IOException> failed) {
        if (failed.compareAndSet(null, new IOException("sending to " + group.host() + ": " + why.getMessage(), why))) {
            to.forEach(StreamGroup::abort);
        }
    }

    /** For all workers, so that none outlives its round. */
    private void await(List<Future<?>> running, LongConsumer progress) throws IOException {
        try {
            for (Future<?> worker : running) {
                join(worker, progress);
            }
        } catch (ExecutionException e) {
            throw new IOException("a stream failed", e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while sending", e);
        }
    }

    private void join(Future<?> worker, LongConsumer progress) throws ExecutionException, InterruptedException {
        while (true) {
            try {
                worker.get(PROGRESS_MS, TimeUnit.MILLISECONDS);
                return;
            } catch (TimeoutException e) {
                progress.accept(sentPages.sum());
            }
        }
    }

    /** Pages sent so far, again counted each time. */
    long sentPages() {
        return sentPages.sum();
    }

    /** Pages of the last round that did not arrive as they are now. */
    long againPages() {
        return againPages.sum();
    }

    List<StreamGroup> groups() {
        return groups;
    }

    /** Waits for the workers, whose streams must have been aborted if they are still sending. */
    @Override
    public void close() {
        workers.shutdown();
        try {
            if (!workers.awaitTermination(END_S, TimeUnit.SECONDS)) {
                throw new IllegalStateException("streams still send although they were aborted");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** One stream's part of a round. */
    private final class Worker {
        private final StreamGroup group;
        private final BulkSender sender;
        private final RunList data = new RunList();
        private final RunList voided = new RunList();
        private long chosenPages;
        private final PagesFrame.Choice choice = this::choose;
        private final Flushes.Damaged again = this::sendAgain;

        Worker(StreamGroup group, BulkSender sender) {
            this.group = group;
            this.sender = sender;
        }

        void send(BooleanSupplier cut) throws IOException {
            long from;
            while (!cut.getAsBoolean() && (from = group.nextChunk(CHUNK_PAGES)) < table.pages()) {
                long end = Math.min(from + CHUNK_PAGES, table.pages());
                for (long page = from; (page = transfers.dirty().next(page, end)) < end; page++) {
                    if (transfers.plan().target(page) == group.index()) {
                        take(page);
                    }
                }
            }
            sendData();
            sender.flush(again);
        }

        /** It is dirty no more before the content is read: a write after that is found by the next scan. */
        private void take(long page) throws IOException {
            if (data.isFull() || data.pages() == RunList.MAX_PAGES) {
                sendData();
            }
            if (isSplit) {
                transfers.unannounced().add(page); // first, see TransferLog.isSent
            }
            transfers.dirty().remove(page);
            data.add(page);
        }

        private boolean choose(long page, boolean isZero) {
            if (!isZero || isSplit) { // the table of a VM that is split is not this migration's to change
                transfers.unannounced().add(page);
                chosenPages++;
                return true;
            }
            table.change(page, PageState.LOCAL, PageState.ZERO);
            if (sentBefore) { // perhaps an older copy is there that is not all zero
                transfers.unannounced().add(page);
                voided.add(page);
            }
            return false;
        }

        private void sendData() throws IOException {
            if (!data.isEmpty()) {
                sender.send(data, choice, again);
                sentPages.add(chosenPages);
                chosenPages = 0;
                data.clear();
                sendVoided();
            }
        }

        private void sendAgain(long page) {
            boolean mayBeThere = PageEntry.state(table.get(page)) == PageState.LOCAL;
            if (mayBeThere && transfers.plan().target(page) == group.index()) { // else it was not sent there
                transfers.dirty().add(page); // first, see TransferLog.isSent
                transfers.unannounced().remove(page);
                againPages.increment();
            }
        }

        private void sendVoided() throws IOException {
            if (!voided.isEmpty()) {
                sender.drop(voided);
                voided.clear();
            }
        }
    }
}
