package org.splitmem.memory.migration;

import org.jspecify.annotations.Nullable;
import org.splitmem.memory.page.Pages;

/** How far a migration has come, for people; written by its thread, read by any. */
final class Progress {
    private static final double SMOOTHING = 0.3;
    private static final long LEAST_INTERVAL_NS = 50_000_000L;

    private long totalPages;
    private long sentPages;
    private long remainingPages;
    private long dirtyPagesPerSecond;
    private double pagesPerSecond;
    private long lastSent;
    private long lastNs;
    private int round;
    private long fetchedPages;

    synchronized void planned(long pages, long nowNs) {
        totalPages = pages;
        remainingPages = pages;
        lastNs = nowNs;
    }

    synchronized void round(int number) {
        round = number;
    }

    /** @param found pages found dirty after {@code ns} */
    synchronized void dirty(long found, long ns) {
        totalPages += found;
        dirtyPagesPerSecond = ns <= 0 ? 0 : (long) (found * 1e9 / ns);
        remainingPages = found;
    }

    /** @param sent pages sent since the start */
    synchronized void sent(long sent, long nowNs) {
        remainingPages = Math.max(0, remainingPages - (sent - sentPages));
        sentPages = sent;
        long ns = nowNs - lastNs;
        if (ns >= LEAST_INTERVAL_NS) {
            double now = (sent - lastSent) * 1e9 / ns;
            pagesPerSecond = pagesPerSecond == 0 ? now : pagesPerSecond + SMOOTHING * (now - pagesPerSecond);
            lastSent = sent;
            lastNs = nowNs;
        }
    }

    /** @param pages that are still here although the guest, which writes nothing here any more, runs elsewhere */
    synchronized void left(long pages) {
        remainingPages = pages;
        dirtyPagesPerSecond = 0;
    }

    /** The new owner has fetched a page, which may be sent, too. */
    synchronized void fetched() {
        fetchedPages++;
    }

    synchronized long fetchedPages() {
        return fetchedPages;
    }

    synchronized void finished() {
        remainingPages = 0;
    }

    synchronized long totalBytes() {
        return Pages.toBytes(totalPages);
    }

    synchronized long sentBytes() {
        return Pages.toBytes(sentPages);
    }

    synchronized long remainingBytes() {
        return Pages.toBytes(remainingPages);
    }

    synchronized long bytesPerSecond() {
        return Pages.toBytes((long) pagesPerSecond);
    }

    synchronized long dirtyBytesPerSecond() {
        return Pages.toBytes(dirtyPagesPerSecond);
    }

    synchronized int round() {
        return round;
    }

    /** Seconds until the remainder is sent at the present rate; null while there is none, or it can never be. */
    synchronized @Nullable Long etaSeconds() {
        double net = pagesPerSecond - dirtyPagesPerSecond;
        if (remainingPages == 0) {
            return 0L;
        }
        return net < 1 ? null : (long) Math.ceil(remainingPages / net); // a rate near nothing says nothing
    }

    /** True if the remainder of this round takes less than so many seconds at the present rate. */
    synchronized boolean isShort(double seconds) {
        return remainingPages < seconds * pagesPerSecond;
    }
}
