package org.splitmem.memory.qmp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.memory.qmp.QemuDevice.Kind;

class QmpAnswersTest {
    @Test
    void networksAreReadOfWhatInfoNetworkPrints() {
        String text = "virtio-net-pci.0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:56\r\n"
                + " \\ hostnet0: index=0,type=tap,fd=33\r\nhub 0\r\n \\ a:b: index=12,type=vhost-user";

        assertThat(QmpAnswers.networks(text))
                .containsExactly(
                        new QemuDevice(Kind.NETWORK, "virtio-net-pci.0", "nic", false),
                        new QemuDevice(Kind.NETWORK, "hostnet0", "tap", false),
                        new QemuDevice(Kind.NETWORK, "a:b", "vhost-user", false));
    }

    /** The upkeep of all VMs would wait for it: hours, if each letter were tried as the begin of a name. */
    @Test
    @Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void aTextOfAHostileQemuIsReadInTheTimeOfItsLength() {
        assertThat(QmpAnswers.networks("a".repeat(QmpLines.MOST_BYTES))).isEmpty();
        assertThat(QmpAnswers.networks(": index=1".repeat(QmpLines.MOST_BYTES / 9)))
                .isEmpty();
    }

    /** As many empty lists as a line has room for would take a hundred times its length. */
    @Test
    void aLineOfMoreThingsThanQemuHasIsRefused() throws Exception {
        String few = "{\"return\":[" + "[],".repeat(60_000) + "[]]}";
        String many = "{\"return\":[" + "[],".repeat(QmpLines.MOST_BYTES / 3 - 10) + "[]]}";

        assertThat(QmpMonitor.parse(few).path("return")).hasSize(60_001);
        assertThatThrownBy(() -> QmpMonitor.parse(many))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("Token count");
    }
}
