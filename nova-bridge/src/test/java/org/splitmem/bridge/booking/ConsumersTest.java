package org.splitmem.bridge.booking;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;
import org.junit.jupiter.api.Test;

class ConsumersTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");

    /** Computed by Python: uuid.uuid5(uuid.UUID(namespace), instance). */
    @Test
    void itIsTheNameBasedUuidThatOtherLanguagesCompute() {
        assertThat(Consumers.of(VM)).hasToString("a17a6ee1-49ba-585a-88c6-564aad4b7a90");
    }

    @Test
    void novasConsumersAreNotMistakenForOurs() {
        assertThat(Consumers.mayBeOurs(VM)).isFalse();
        assertThat(Consumers.mayBeOurs(Consumers.of(VM))).isTrue();
    }
}
