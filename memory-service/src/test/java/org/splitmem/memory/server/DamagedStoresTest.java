package org.splitmem.memory.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.model.RefusedException;

/** Stores of an earlier daemon of which a file was damaged since: their pages are not given away for anything, the others are served. */
class DamagedStoresTest {
    private static final UUID VICTIM = new UUID(1, 1);
    private static final UUID OTHER = new UUID(1, 2);
    private static final long PAGES = 100_000;
    private static final long RESERVED = Pages.toBytes(10);

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @BeforeEach
    void leaveTwoStores() throws Exception {
        MemoryServer before = server();
        before.recover();
        for (UUID uuid : new UUID[] {VICTIM, OTHER}) {
            before.reserve(record(uuid));
            write(of(uuid).resolve("held"), 100, (byte) 1); // a page is held
        }
    }

    private static StoreRecord record(UUID uuid) {
        return new StoreRecord(uuid, "token", 1, PAGES, RESERVED, "h1", null, true);
    }

    private MemoryServer server() {
        return new MemoryServer(directory.resolve("stores"), 1L << 30, () -> 1L << 30, Lender.NO_NEIGHBOUR);
    }

    private Path of(UUID uuid) {
        return directory.resolve("stores/" + uuid);
    }

    private static void write(Path file, long at, byte value) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {value}), at);
        }
    }

    @Test
    void whatIsAsItWasIsTakenUp() throws Exception {
        MemoryServer next = server();

        next.recover();

        assertThat(next.lentBytes()).isEqualTo(2 * RESERVED);
        assertThat(next.heldBytes()).isEqualTo(2 * Pages.SIZE);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "remove store.json",
                "empty store.json",
                "change store.json",
                "remove held",
                "empty held",
                "remove crc",
                "empty crc",
                "remove pages",
                "empty pages"
            })
    void aStoreOfWhichNothingCanBeProvedIsKeptAndNoOther(String damage) throws Exception {
        String[] words = damage.split(" ");
        Path file = of(VICTIM).resolve(words[1]);
        switch (words[0]) {
            case "remove" -> Files.delete(file);
            case "empty" -> Files.write(file, new byte[0]);
            default -> Files.writeString(file, Files.readString(file).replace("\"epoch\":1", "\"epoch\":0"));
        }
        MemoryServer next = server();

        next.recover();

        assertThat(next.lentBytes()).isEqualTo(RESERVED);
        assertThat(next.heldBytes()).isEqualTo(Pages.SIZE);
        assertThat(of(VICTIM)).isNotEmptyDirectory();
        assertThatThrownBy(() -> next.reserve(record(VICTIM)))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("the store of VM " + VICTIM + " cannot be taken up, and is frozen: ")
                .hasMessageContaining("remove " + of(VICTIM));
    }

    @Test
    void whatWasJustBeingFreedIsTakenAway() throws Exception {
        Path doomed = Files.move(of(VICTIM), directory.resolve("stores/" + VICTIM + ".doomed"));
        Files.delete(doomed.resolve("held"));
        MemoryServer next = server();

        next.recover();

        assertThat(doomed).doesNotExist();
        assertThat(next.lentBytes()).isEqualTo(RESERVED);
        next.reserve(record(VICTIM));
    }

    @Test
    void whatIsNothingOfOursIsLeftAlone() throws Exception {
        Files.writeString(directory.resolve("stores/notes.txt"), "of the operator");
        Files.createDirectories(directory.resolve("stores/lost+found"));
        MemoryServer next = server();

        next.recover();

        assertThat(next.lentBytes()).isEqualTo(2 * RESERVED);
        assertThat(directory.resolve("stores/notes.txt")).exists();
        assertThat(directory.resolve("stores/lost+found")).exists();
    }
}
