package org.splitmem.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DataSizeTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "4096, 4096",
        "4096 bytes, 4096",
        "7b, 7",
        "512MiB, 536870912",
        "512 mib, 536870912",
        "1K, 1024",
        "1G, 1073741824",
        "2GiB, 2147483648",
        "1.5GiB, 1610612736",
        "1.5KB, 1500",
        "3MB, 3000000",
        "1GB, 1000000000",
        "2T, 2199023255552",
        "1PiB, 1125899906842624",
        "9223372036854775807, 9223372036854775807",
    })
    void readsTheUnitsOfLibvirt(String text, long bytes) {
        assertThat(DataSize.parse(text)).isEqualTo(DataSize.ofBytes(bytes));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "GiB", "-1", "1 2", "1.MiB", "1,5GiB", "0x10", "1e9"})
    void refusesWhatIsNotASizeAndShowsOne(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DataSize.parse(text))
                .withMessageContaining("'" + text + "' ")
                .withMessageMatching(".*(512MiB|GiB).*");
    }

    @Test
    void namesTheUnknownUnit() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DataSize.parse("5XiB"))
                .withMessageContaining("unknown unit 'XiB'")
                .withMessageContaining("powers of 1024");
    }

    @Test
    void refusesFractionsOfAByteAndWhatDoesNotFit() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DataSize.parse("0.3KiB"))
                .withMessage("'0.3KiB' is not a whole number of bytes");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DataSize.parse("8192PiB"))
                .withMessage("'8192PiB' is too large");
        assertThatIllegalArgumentException().isThrownBy(() -> DataSize.ofBytes(-1));
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "1000, 1000", "1024, 1KiB", "1610612736, 1536MiB", "2199023255552, 2TiB"})
    void writesTheLargestExactUnit(long bytes, String text) {
        assertThat(DataSize.ofBytes(bytes)).hasToString(text);
    }

    @Test
    void readsBackEverySizeItWrites() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int i = 0; i < 1000; i++) {
            var size = DataSize.ofBytes(
                    (random.nextLong() >>> 1) >> random.nextInt(63) << random.nextInt(8) & Long.MAX_VALUE);

            assertThat(DataSize.parse(size.toString())).as("seed %d", seed).isEqualTo(size);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "1023, 1023 B",
        "1024, 1.0 KiB",
        "1610612736, 1.5 GiB",
        "1181116006, 1.1 GiB",
        "9223372036854775807, 8192.0 PiB",
    })
    void roundsForPeople(long bytes, String text) {
        assertThat(DataSize.ofBytes(bytes).rounded()).isEqualTo(text);
    }

    @Test
    void ordersBySize() {
        assertThat(DataSize.parse("1GiB")).isGreaterThan(DataSize.parse("1GB"));
        assertThat(DataSize.ofMebibytes(3)).isEqualByComparingTo(DataSize.parse("3MiB"));
    }
}
