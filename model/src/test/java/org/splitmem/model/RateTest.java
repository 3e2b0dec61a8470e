package org.splitmem.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RateTest {
    @ParameterizedTest
    @CsvSource({
        "1Gbit, 125000000",
        "10 Gbit/s, 1250000000",
        "500kbit, 62500",
        "500Kbit, 62500",
        "8bit/s, 1",
        "1Gibit, 134217728",
        "125MB/s, 125000000",
        "125MB, 125000000",
        "125MiB/s, 131072000",
        "1.5GiB/s, 1610612736",
        "4096B/s, 4096",
    })
    void tellsBitsFromBytes(String text, long bytesPerSecond) {
        assertThat(Rate.parse(text).bytesPerSecond()).isEqualTo(bytesPerSecond);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "100", "125M", "1G", "10Gb", "iB/s", "1iB", "-1MB/s", "fast"})
    void refusesWhatCouldBeEither(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Rate.parse(text))
                .withMessage(
                        "'" + text + "' is not a rate: write bits as 10Gbit or 500Mbit, bytes as 125MB/s or 125MiB/s");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0MB/s", "7bit", "99999999999TB/s"})
    void refusesWhatIsOutOfRange(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Rate.parse(text))
                .withMessageContaining("'" + text + "' is out of range");
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 1000, 1024, 125_000_000, 131_072_000})
    void readsBackWhatItWrites(long bytesPerSecond) {
        var rate = new Rate(bytesPerSecond);

        assertThat(Rate.parse(rate.toString())).isEqualTo(rate);
    }
}
