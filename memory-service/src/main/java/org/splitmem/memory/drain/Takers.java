package org.splitmem.memory.drain;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.splitmem.memory.migration.RoomWithout;
import org.splitmem.memory.page.Pages;
import org.splitmem.model.DataSize;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmInfo;

/** Chooses which hosts take a VM's pages. Pure functions. */
final class Takers {
    /** A share that is smaller is not worth a connection. */
    private static final long LEAST_SHARE = 1L << 20;

    private Takers() {}

    /**
     * A host that may take pages.
     *
     * @param roomBytes what it may reserve
     * @param why it has no more, for people, as in {@code it has 1.0 GiB free}
     */
    record Taker(String host, long roomBytes, String why) {}

    /**
     * One host for all, that with the most room; if none has so much, several, as few as possible.
     *
     * @param from the host that is to be emptied
     * @return none if the VM's other sub-hosts have reserved enough
     * @throws RefusedException if not all of them together have room
     */
    static List<SubHostShare> choose(VmInfo vm, String mainHost, String from, List<Taker> candidates)
            throws RefusedException {
        long missing = RoomWithout.missingBytes(vm, from);
        if (missing <= 0) {
            return List.of();
        }
        List<Taker> usable = candidates.stream()
                .filter(taker -> !taker.host().equals(mainHost)
                        && !taker.host().equals(from)
                        && !vm.reservedBytes().containsKey(taker.host()))
                .sorted(Comparator.comparingLong(Taker::roomBytes).reversed())
                .toList();
        long left = RoomWithout.wholePages(missing);
        long wanted = RoomWithout.comfortableBytes(vm, missing);
        List<SubHostShare> shares = new ArrayList<>();
        for (Taker taker : usable) {
            long room = Pages.toBytes(Pages.fromBytes(Math.max(0, taker.roomBytes() - RoomWithout.SLACK_BYTES)));
            if (room < Math.min(left, LEAST_SHARE)) {
                break;
            }
            long share = Math.min(room, wanted);
            shares.add(new SubHostShare(taker.host(), share));
            left -= share;
            wanted -= share;
            if (left <= 0) {
                return shares;
            }
        }
        throw new RefusedException(RefusalCode.NO_ROOM, noRoom(vm, from, missing, candidates, usable));
    }

    private static String noRoom(VmInfo vm, String from, long missing, List<Taker> candidates, List<Taker> usable) {
        String has = "no room: without " + from + " its sub-hosts have reserved "
                + text(Math.max(0, RoomWithout.keptBytes(vm, from))) + ", and " + text(missing)
                + " more of its RAM are over its budget";
        if (candidates.isEmpty()) {
            return has + "; give hosts that take them, with --to";
        }
        if (usable.isEmpty()) {
            return has + "; each host of --to is its main host or a sub-host of it already: give others";
        }
        return has + ", and 16 MiB for each host that takes a part; "
                + String.join(
                        ", ",
                        usable.stream()
                                .map(taker -> taker.host() + ": " + taker.why())
                                .toList())
                + "; give more hosts with --to";
    }

    static String text(long bytes) {
        return DataSize.ofBytes(bytes).rounded();
    }
}
