package org.splitmem.bridge.gate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.InetAddress;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AddressRangeTest {
    @ParameterizedTest
    @CsvSource({
        "10.0.0.0/8,    10.255.1.2, true",
        "10.0.0.0/8,    11.0.0.1,   false",
        "192.0.2.128/25, 192.0.2.129, true",
        "192.0.2.128/25, 192.0.2.127, false",
        "192.0.2.7,     192.0.2.7,  true",
        "192.0.2.7,     192.0.2.8,  false",
        "0.0.0.0/0,     192.0.2.8,  true",
        "0.0.0.0/0,     ::1,        false",
        "fd00::/8,      fd12::1,    true",
        "::1,           ::1,        true",
    })
    void anAddressIsInARangeOrNot(String range, String address, boolean isIn) throws Exception {
        assertThat(AddressRange.parse(range).contains(InetAddress.getByName(address)))
                .isEqualTo(isIn);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"proxy1", "10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "::1/129", "1.2.3.4/8/8", "999.1.1.1", ""})
    void whatIsNoRangeIsRefused(String text) {
        assertThatIllegalArgumentException().isThrownBy(() -> AddressRange.parse(text));
    }
}
