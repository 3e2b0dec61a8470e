package org.splitmem.memory.testing;

import java.nio.file.Path;
import java.util.List;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.RamFile;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.page.Pages;

/** Guest RAM without a guest. */
public final class TestMemory {
    private TestMemory() {}

    public static GuestMemory of(Path directory, long... backendPages) throws LinuxException {
        RamFile[] files = new RamFile[backendPages.length];
        for (int i = 0; i < files.length; i++) {
            files[i] = RamFile.open(directory.resolve("test-ram" + i), Pages.toBytes(backendPages[i]));
        }
        return new GuestMemory(List.of(files));
    }
}
