package org.splitmem.memory.control;

import java.util.List;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.DataSize;
import org.splitmem.model.RefusalCode;

/**
 * The range of each field of what hosts ask of each other: who asks may be of another version, or no host at all. Each refusal names the
 * field, its value and what can be. Pure functions.
 */
final class PeerFields {
    private static final int MOST_BACKENDS = 256;
    private static final int LONGEST_VM_NAME = 1024;
    private static final int LONGEST_NAME = 255;
    private static final int LONGEST_TOKEN = 64;
    /** So many owners no VM has; there is a next one. */
    private static final long LAST_EPOCH = 1L << 62;

    private final RefusalCode code;

    private PeerFields(RefusalCode code) {
        this.code = code;
    }

    /** @throws ApiException 400 naming the field */
    static void check(PeerHosts.Reservation wanted) {
        PeerFields fields = new PeerFields(RefusalCode.INVALID_RESERVATION);
        fields.range("pages", wanted.pages(), 1, PageTable.MOST_PAGES);
        fields.range("bytes", wanted.bytes(), 0, DataSize.MOST_BYTES);
        fields.range("epoch", wanted.epoch(), 0, LAST_EPOCH);
        fields.text("token", wanted.token(), LONGEST_TOKEN);
        fields.text("owner", wanted.owner(), LONGEST_NAME);
        if (wanted.main() != null) {
            fields.text("main", wanted.main(), LONGEST_NAME);
        }
    }

    /** @throws ApiException 400 naming the field */
    static void check(PeerHosts.Incoming wanted) {
        PeerFields fields = new PeerFields(RefusalCode.INVALID_INCOMING);
        fields.text("name", wanted.name(), LONGEST_VM_NAME);
        fields.text("migration", wanted.migration(), LONGEST_NAME);
        fields.backends(wanted.backendBytes());
        fields.range("epoch", wanted.epoch(), 0, LAST_EPOCH);
        fields.range("budgetBytes", wanted.budgetBytes(), 1, DataSize.MOST_BYTES);
        fields.items("lenders", wanted.lenders(), 0, PageEntry.MAX_HOMES);
        for (int i = 0; i < wanted.lenders().size(); i++) {
            fields.lender("lenders[" + i + "]", wanted.lenders().get(i));
        }
        fields.lender("source", wanted.source());
    }

    private void backends(List<Long> bytes) {
        items("backendBytes", bytes, 1, MOST_BACKENDS);
        long most = Pages.toBytes(PageTable.MOST_PAGES);
        long all = 0;
        for (int i = 0; i < bytes.size(); i++) {
            String field = "backendBytes[" + i + "]";
            long one = bytes.get(i);
            range(field, one, Pages.SIZE, most);
            if (one % Pages.SIZE != 0) {
                throw refused(field + " is " + one + ": a multiple of " + Pages.SIZE + " is possible");
            }
            all += one;
        }
        range("backendBytes in all", all, Pages.SIZE, most);
    }

    private void lender(String field, VmRecord.Lender lender) {
        text(field + ".host", lender.host(), LONGEST_NAME);
        text(field + ".address", lender.address(), LONGEST_NAME);
        range(field + ".dataPort", lender.dataPort(), 1, 65_535);
        text(field + ".token", lender.token(), LONGEST_TOKEN);
        range(field + ".reservedBytes", lender.reservedBytes(), 0, DataSize.MOST_BYTES);
    }

    private void items(String field, List<?> items, int least, int most) {
        if (items.size() < least || items.size() > most) {
            throw refused(field + " has " + items.size() + " items: " + least + " to " + most + " are possible");
        }
        int at = items.indexOf(null); // which JSON may have
        if (at >= 0) {
            throw refused(field + "[" + at + "] is null");
        }
    }

    private void text(String field, String text, int longest) {
        if (text.isBlank() || text.length() > longest) {
            throw refused(field + " has " + text.strip().length() + " characters: 1 to " + longest + " are possible");
        }
    }

    private void range(String field, long value, long least, long most) {
        if (value < least || value > most) {
            throw refused(field + " is " + value + ": " + least + " to " + most + " are possible");
        }
    }

    private ApiException refused(String why) {
        return new ApiException(code, why);
    }
}
