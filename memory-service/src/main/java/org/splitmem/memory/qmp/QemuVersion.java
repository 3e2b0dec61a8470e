package org.splitmem.memory.qmp;

import com.fasterxml.jackson.databind.JsonNode;

/** A QEMU's version, as QMP's {@code query-version} tells it. */
public record QemuVersion(int major, int minor, int micro) {
    static QemuVersion of(JsonNode answer) {
        JsonNode qemu = answer.path("qemu");
        return new QemuVersion(
                qemu.path("major").asInt(),
                qemu.path("minor").asInt(),
                qemu.path("micro").asInt());
    }

    public boolean isAtLeast(int otherMajor, int otherMinor) {
        return major > otherMajor || (major == otherMajor && minor >= otherMinor);
    }

    @Override
    public String toString() {
        return major + "." + minor + "." + micro;
    }
}
