package org.splitmem.memory.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecordFileTest {
    private static final String UUID = "6d1f0000-0000-4000-8000-000000000001";

    @TempDir
    private Path directory;

    private static List<String> load(Path file) throws IOException {
        return List.of(RecordFile.load(file, String[].class));
    }

    @Test
    void whatIsWrittenIsRead() throws Exception {
        Path file = directory.resolve("list.json");

        RecordFile.save(file, List.of("a", "b"));
        assertThat(load(file)).containsExactly("a", "b");
        RecordFile.saveDurably(file, List.of("c"));

        assertThat(load(file)).containsExactly("c");
        try (var files = Files.list(directory)) {
            assertThat(files).containsExactly(file);
        }
    }

    /** As a daemon that dies in between leaves it. */
    @Test
    void aDirectoryOfWhichSomethingCannotBeDeletedHasItsNameNoMore() throws Exception {
        Path doomed = Files.createDirectory(directory.resolve(UUID));
        RecordFile.save(doomed.resolve("vm.json"), List.of("a"));
        Path stuck = Files.createDirectory(doomed.resolve("stuck"));
        Files.createFile(stuck.resolve("file"));

        RecordFile.deleteDirectory(doomed);

        assertThat(doomed).doesNotExist();
        Path left = directory.resolve(UUID + ".doomed");
        Files.delete(left.resolve("stuck/file"));
        assertThat(RecordFile.finishDeletion(left)).isTrue();
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void twoMayBeDeletedUnderOneName() throws Exception {
        Files.createDirectory(directory.resolve(UUID + ".doomed"));
        Path doomed = Files.createDirectory(directory.resolve(UUID));

        RecordFile.deleteDirectory(doomed);

        assertThat(directory.resolve(UUID + ".doomed")).exists();
        assertThat(RecordFile.finishDeletion(directory.resolve(UUID))).isFalse();
    }

    @Test
    void whatFindsNoSpaceIsNamed() throws Exception {
        Path file = directory.resolve("list.json");
        RecordFile.save(file, List.of("a"));
        Files.createSymbolicLink(directory.resolve("list.json.new"), Path.of("/dev/full"));

        assertThatThrownBy(() -> RecordFile.save(file, List.of("b")))
                .isInstanceOf(IOException.class)
                .hasMessage(file + " cannot be written: No space left on device");
        assertThat(load(file)).containsExactly("a");
    }

    /** Still the JSON of such a record. */
    @Test
    void whatWasChangedSinceIsNotTaken() throws Exception {
        Path file = directory.resolve("list.json");
        RecordFile.save(file, List.of("a", "b"));
        Files.writeString(file, Files.readString(file).replace("\"a\"", "\"A\""));

        assertThatThrownBy(() -> load(file))
                .isInstanceOf(IOException.class)
                .hasMessage(file + " is damaged: its checksum is not that of its content");
    }

    @Test
    void whatIsMissingOrCutIsNamed() throws Exception {
        Path file = directory.resolve("list.json");
        assertThatThrownBy(() -> load(file)).hasMessage(file + " is missing");
        RecordFile.save(file, List.of("a", "b"));

        for (int length : new int[] {0, 1, 6}) {
            Files.write(file, Files.readString(file).substring(0, length).getBytes(StandardCharsets.UTF_8));
            assertThatThrownBy(() -> load(file)).hasMessageStartingWith(file + " is damaged: ");
            RecordFile.save(file, List.of("a", "b"));
        }
    }

    @Test
    void aRecordOfAnEarlierVersionHasNoChecksum() throws Exception {
        Path file = directory.resolve("list.json");
        Files.writeString(file, "[\"a\"]");

        assertThat(load(file)).containsExactly("a");
    }
}
