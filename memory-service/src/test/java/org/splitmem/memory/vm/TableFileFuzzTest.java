package org.splitmem.memory.vm;

import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.MemoryDirectory;

/**
 * Page tables that were written to by somebody else: refused with an IOException, or each page is in one place that the VM's record knows. An
 * input begins with two bytes for the length of the file; each four bytes after them are an offset and two bytes to be there.
 */
class TableFileFuzzTest {
    private static final int PAGES = 300;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private byte[] good;

    @BeforeEach
    void make() throws IOException {
        good = Target.make(file());
    }

    private Path file() {
        return directory.resolve("table");
    }

    @FuzzTest
    void aTableIsRefusedOrEachPageIsKnown(byte[] input) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(input).order(ByteOrder.LITTLE_ENDIAN);
        byte[] content = Arrays.copyOf(good, in.remaining() >= 2 ? in.getShort() & 0x3fff : good.length);
        while (in.remaining() >= 4) {
            int at = in.getShort() & 0xffff;
            short value = in.getShort();
            if (at + 2 <= content.length) {
                ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN).putShort(at, value);
            }
        }
        Files.write(file(), content);
        Target.check(file());
    }

    /** Loaded after Jazzer, see HACKING.md. */
    private static final class Target {
        private static final VmRecord RECORD =
                TestVms.lentBy(TestVms.record("db", VmRecord.Phase.PAGED, Pages.toBytes(PAGES)), "h3", "h4");

        static byte[] make(Path file) throws IOException {
            try (TableFile made = TableFile.make(file, RECORD)) {
                PageTable table = made.table();
                for (int page = 0; page < PAGES; page++) {
                    table.step(page, table.get(page), PageEntry.of(PageState.LOCAL));
                }
            }
            return Files.readAllBytes(file);
        }

        static void check(Path file) {
            try (TableFile found = TableFile.open(file, RECORD)) {
                for (int page = 0; page < PAGES; page++) {
                    isKnown(found.table().get(page));
                }
            } catch (IOException e) {
                holds(e.getMessage().contains(file.toString()), "the refusal names the file");
            }
        }

        private static void isKnown(int entry) {
            holds(entry != 0, "each entry was written");
            if (PageEntry.state(entry) == PageState.REMOTE) {
                holds(PageEntry.home(entry) < RECORD.lenders().size(), "a page is on a memory server that is known");
            }
        }
    }
}
