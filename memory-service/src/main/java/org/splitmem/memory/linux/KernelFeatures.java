package org.splitmem.memory.linux;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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

    /** Leading numbers, as in 6.8.0-45-generic. */
    private static final Pattern RELEASE = Pattern.compile("(\\d{1,4})\\.(\\d{1,4})(?:\\.(\\d{1,4}))?.*");

    private static final int[] SCANS_MOVING_PAGES = {6, 8, 10};

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
        if (!seesMovingPages(System.getProperty("os.version", ""))) {
            missing.add("a PAGEMAP_SCAN that sees pages while compaction moves them (Linux 6.9 or 6.8.10)");
        }
        return missing;
    }

    /**
     * Until commit 2c7ad9a590d1 PAGEMAP_SCAN took bits of the entry of a page that was being moved for the one that says "not written", so
     * that a page that was written counted as clean. Nothing but the release tells.
     *
     * @param release as uname -r has it; a distribution's 6.8.0 may have the fix, which does not show
     */
    static boolean seesMovingPages(String release) {
        Matcher matcher = RELEASE.matcher(release);
        if (!matcher.matches()) {
            return true; // no kernel that we know is called like that
        }
        for (int i = 0; i < SCANS_MOVING_PAGES.length; i++) {
            String number = matcher.group(i + 1);
            int is = number == null ? 0 : Integer.parseInt(number);
            if (is != SCANS_MOVING_PAGES[i]) {
                return is > SCANS_MOVING_PAGES[i];
            }
        }
        return true;
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
