package org.splitmem.memory.vm;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The guest's name on QEMU's command line. Stateless. */
final class QemuName {
    /** Longer ones are of no hypervisor that keeps a file by this name. */
    private static final int LONGEST = 1024;

    private static final String KEY = "guest=";

    private QemuName() {}

    /** Empty if it has none, or has ended. */
    static Optional<String> of(int pid) {
        try {
            byte[] raw = Files.readAllBytes(Path.of("/proc/" + pid + "/cmdline"));
            return in(new String(raw, StandardCharsets.UTF_8).split("\0", -1));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** As QEMU reads it: of several the last counts. */
    static Optional<String> in(String[] arguments) {
        String name = "";
        for (int i = 0; i + 1 < arguments.length; i++) {
            if (arguments[i].equals("-name") || arguments[i].equals("--name")) {
                name = guest(arguments[i + 1], name);
            }
        }
        return name.isEmpty() || name.length() > LONGEST ? Optional.empty() : Optional.of(name);
    }

    /** @param options as in {@code guest=db1,debug-threads=on}, where a comma that belongs to a value is doubled */
    private static String guest(String options, String otherwise) {
        String found = otherwise;
        int at = 0;
        while (at < options.length()) {
            int end = endOfOption(options, at);
            String option = options.substring(at, end).replace(",,", ",");
            if (option.startsWith(KEY)) {
                found = option.substring(KEY.length());
            } else if (at == 0 && !option.contains("=")) {
                found = option; // the key of the first may be left out
            }
            at = end + 1;
        }
        return found;
    }

    /** Where the next comma stands alone. */
    private static int endOfOption(String options, int from) {
        int comma = options.indexOf(',', from);
        while (comma >= 0 && comma + 1 < options.length() && options.charAt(comma + 1) == ',') {
            comma = options.indexOf(',', comma + 2);
        }
        return comma < 0 ? options.length() : comma;
    }
}
