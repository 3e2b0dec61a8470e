package org.splitmem.memory.qmp;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.splitmem.hooks.domain.DriverRules;

/**
 * What a running QEMU has that no page may be sent away from, or written behind write tracking. The hook has read the domain's XML when it
 * started; devices come and go since.
 */
public final class DeviceObstacles {
    private DeviceObstacles() {}

    /** QEMU has such a device. */
    public static final class ObstacleException extends IOException {
        private static final long serialVersionUID = 1L;

        ObstacleException(String message) {
            super(message);
        }
    }

    /** @return each device and why, in one line; null if there is none */
    public static @Nullable String of(QmpMonitor qemu) throws IOException {
        List<String> found = new ArrayList<>();
        for (QemuDevice device : qemu.devices()) {
            String reason = against(device);
            if (reason != null) {
                found.add(device.kind().name().toLowerCase(Locale.ROOT) + " " + device.name() + ": " + reason);
            }
        }
        return found.isEmpty() ? null : String.join("; ", found);
    }

    /** @throws IOException naming the VM, each device, why, and the remedy; or if QEMU does not answer */
    public static void refuse(QmpMonitor qemu, String vm, String host) throws IOException {
        String found = of(qemu);
        if (found != null) {
            throw new ObstacleException("VM " + vm + " cannot be split or split-migrated as it is on " + host + ": "
                    + found + "; detach it, or change it as \"splitmem prepare\" says of its domain");
        }
    }

    static @Nullable String against(QemuDevice device) {
        return switch (device.kind()) {
            case DEVICE -> DriverRules.againstDevice(device.driver());
            case NETWORK -> DriverRules.againstNetwork(device.driver());
            case BLOCK -> DriverRules.againstBlockNode(device.driver(), device.direct());
        };
    }
}
