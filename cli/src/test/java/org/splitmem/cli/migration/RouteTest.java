package org.splitmem.cli.migration;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.model.HostStatus;

class RouteTest {
    @ParameterizedTest
    @CsvSource({
        "10.78.0.2, 10.78.0.2",
        "10.78.0.2:7779, 10.78.0.2",
        "compute2:7779, compute2",
        "fd00::2, [fd00::2]",
        "[fd00::2]:7779, [fd00::2]",
        "[fd00::2], [fd00::2]",
    })
    void goesToTheAddressWithoutItsPort(String address, String host) {
        var status = new HostStatus("h2", address, false, null, "away");

        assertThat(Route.to(status, Route.DEFAULT_LIBVIRT_URI))
                .isEqualTo(new Route("h2", "qemu+tcp://" + host + "/system", "tcp://" + host));
    }

    @Test
    void theTemplateMayUseTheName() {
        var status = new HostStatus("h2", "10.78.0.2", false, null, "away");

        assertThat(Route.to(status, "qemu+tls://{name}.example.org/system").libvirtUri())
                .isEqualTo("qemu+tls://h2.example.org/system");
    }
}
