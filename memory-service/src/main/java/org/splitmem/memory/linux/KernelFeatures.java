package org.splitmem.memory.linux;

import java.util.ArrayList;
import java.util.List;

/** What this kernel offers of what the daemon needs; probed once at start, so that nothing fails in mid-migration. */
public final class KernelFeatures {
    private record Feature(String name, long bit) {}

    private static final List<Feature> NEEDED = List.of(
            new Feature("UFFD_FEATURE_PAGEFAULT_FLAG_WP", Userfaultfd.UFFD_FEATURE_PAGEFAULT_FLAG_WP),
            new Feature("UFFD_FEATURE_MISSING_SHMEM", Userfaultfd.UFFD_FEATURE_MISSING_SHMEM),
            new Feature("UFFD_FEATURE_MINOR_SHMEM", Userfaultfd.UFFD_FEATURE_MINOR_SHMEM),
            new Feature("UFFD_FEATURE_WP_HUGETLBFS_SHMEM", Userfaultfd.UFFD_FEATURE_WP_HUGETLBFS_SHMEM),
            new Feature("UFFD_FEATURE_WP_UNPOPULATED", Userfaultfd.UFFD_FEATURE_WP_UNPOPULATED),
            new Feature("UFFD_FEATURE_WP_ASYNC (Linux 6.7)", Userfaultfd.UFFD_FEATURE_WP_ASYNC));

    private KernelFeatures() {}

    /**
     * @return the names of the missing features, empty if this kernel will do
     * @throws LinuxException if the kernel could not even be asked: the text names the call
     */
    public static List<String> missing() throws LinuxException {
        long known = Userfaultfd.features();
        List<String> missing = missing(known);
        if (!Pagemap.supported()) {
            missing.add("PAGEMAP_SCAN (Linux 6.7)");
        }
        return missing;
    }

    static List<String> missing(long known) {
        List<String> missing = new ArrayList<>();
        for (Feature feature : NEEDED) {
            if ((known & feature.bit) == 0) {
                missing.add(feature.name);
            }
        }
        return missing;
    }
}
