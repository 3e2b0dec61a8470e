package org.splitmem.hooks.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MemorySizeTest {
    @ParameterizedTest
    @CsvSource({
        "1, '', 1024",
        "1, k, 1024",
        "1, K, 1024",
        "1, KiB, 1024",
        "1, kib, 1024",
        "1024, b, 1024",
        "1024, byte, 1024",
        "1024, BYTES, 1024",
        "1025, b, 2048",
        "0, b, 0",
        "1, KB, 1024",
        "2, MB, 2000896",
        "2, mb, 2000896",
        "2, M, 2097152",
        "2, MiB, 2097152",
        "3, G, 3221225472",
        "3, GiB, 3221225472",
        "3, GB, 3000000512",
        "4, TiB, 4398046511104",
        "4, TB, 4000000000000",
        "5, P, 5629499534213120",
        "7, EiB, 8070450532247928832",
        "'\n 512 ', MiB, 536870912",
        "000000000000000001, MiB, 1048576"
    })
    void sizesAreScaledAsLibvirtScalesThem(String number, String unit, long bytes) {
        assertThat(MemorySize.bytes("memory", number, unit)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @CsvSource({
        "'', KiB, memory: '' is not a size",
        "-1, KiB, memory: '-1' is not a size",
        "1.5, GiB, memory: '1.5' is not a size",
        "0x10, GiB, memory: '0x10' is not a size",
        "１, GiB, memory: '１' is not a size",
        "1, XiB, memory: unknown unit 'XiB'",
        "1, Kbit, memory: unknown unit 'Kbit'",
        "1, ' k', memory: unknown unit ' k'",
        "8, EiB, memory: 8 EiB is more than 2^63 - 1 bytes",
        "9223372036854775807, b, memory: 9223372036854775807 b is more than 2^63 - 1 bytes",
        "99999999999999999999, b, memory: 99999999999999999999 b is more than 2^63 - 1 bytes",
        "123456789012345678901234567890123456789012345, b,"
                + " memory: '1234567890123456789012345678901234567890...' is not a size"
    })
    void whatIsNoSizeIsRefusedWithItsPlace(String number, String unit, String message) {
        assertThatThrownBy(() -> MemorySize.bytes("memory", number, unit))
                .isInstanceOf(InvalidDomainXmlException.class)
                .hasMessage(message);
    }
}
