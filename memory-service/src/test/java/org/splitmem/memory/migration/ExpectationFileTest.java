package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.memory.migration.ExpectationFile.Expected;
import org.splitmem.model.SplitRequest;

class ExpectationFileTest {
    private static final Expected EXPECTED = new Expected(
            UUID.fromString("6d1f0000-0000-4000-8000-000000000001"),
            new SplitRequest("db", 64L << 20, 16L << 20, List.of()),
            16L << 20,
            List.of(),
            1);

    @TempDir
    private Path directory;

    private Path file() {
        return directory.resolve("expected.json");
    }

    /** Nobody's pages depend on it; a daemon that did not start would keep those of all VMs from their guests. */
    @Test
    void aDamagedFileIsSetAsideAndNothingIsExpected() throws Exception {
        new ExpectationFile(file()).put(EXPECTED);
        byte[] damaged = Files.readAllBytes(file());
        damaged[10] ^= 1;
        Files.write(file(), damaged);

        ExpectationFile next = new ExpectationFile(file());

        assertThat(next.all()).isEmpty();
        assertThat(directory.resolve("expected.json.damaged")).hasBinaryContent(damaged);
        next.put(EXPECTED);
        assertThat(new ExpectationFile(file()).all()).containsExactly(EXPECTED);
    }
}
