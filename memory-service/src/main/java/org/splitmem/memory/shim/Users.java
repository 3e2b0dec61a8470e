package org.splitmem.memory.shim;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Numbers of the users by whose name a QEMU may run. */
public final class Users {
    private static final Path PASSWD = Path.of("/etc/passwd");

    private Users() {}

    /** Names that this host does not know are passed over: libvirt-qemu exists only where libvirt is installed. */
    public static Set<Integer> idsOf(List<String> names) throws IOException {
        return idsOf(names, Files.readAllLines(PASSWD));
    }

    static Set<Integer> idsOf(List<String> names, List<String> passwd) {
        Set<Integer> ids = new HashSet<>();
        for (String line : passwd) {
            String[] fields = line.split(":", -1);
            if (fields.length > 2 && names.contains(fields[0])) {
                ids.add(Integer.parseInt(fields[2]));
            }
        }
        return ids;
    }
}
