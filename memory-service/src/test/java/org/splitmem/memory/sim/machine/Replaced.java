package org.splitmem.memory.sim.machine;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What rewritten code has instead of classes and static methods of the JDK. */
final class Replaced {
    private static final String MACHINE = "org/splitmem/memory/sim/machine/";
    private static final String CONCURRENT = "java/util/concurrent/";

    /** Classes, which have the same methods as far as they are used: internal names. */
    static final Map<String, String> TYPES = Map.ofEntries(
            Map.entry("java/lang/Thread", MACHINE + "SimThread"),
            Map.entry("java/security/SecureRandom", MACHINE + "SimRandom"),
            Map.entry("java/nio/channels/FileChannel", MACHINE + "SimFileChannel"),
            Map.entry(CONCURRENT + "locks/LockSupport", MACHINE + "SimLockSupport"),
            Map.entry(CONCURRENT + "locks/ReentrantLock", MACHINE + "SimReentrantLock"),
            Map.entry(CONCURRENT + "locks/StampedLock", MACHINE + "SimStampedLock"),
            Map.entry(CONCURRENT + "CountDownLatch", MACHINE + "SimCountDownLatch"),
            Map.entry(CONCURRENT + "Semaphore", MACHINE + "SimSemaphore"),
            Map.entry(CONCURRENT + "CompletableFuture", MACHINE + "SimFuture"),
            Map.entry(CONCURRENT + "FutureTask", MACHINE + "SimFutureTask"),
            Map.entry(CONCURRENT + "ScheduledFuture", CONCURRENT + "Future"),
            Map.entry(CONCURRENT + "ThreadFactory", MACHINE + "SimThreadFactory"),
            Map.entry(CONCURRENT + "Executors", MACHINE + "SimExecutors"),
            Map.entry(CONCURRENT + "ScheduledThreadPoolExecutor", MACHINE + "SimScheduledExecutor"),
            Map.entry(CONCURRENT + "ConcurrentHashMap$KeySetView", "java/util/Set"));

    /** Static methods, by owner and name. */
    private static final Map<String, String> STATICS = statics();

    /** What is made instead of an object whose order of iteration is that of identities. */
    static final Map<String, String> MADE =
            Map.of("java/util/HashMap", "java/util/LinkedHashMap", "java/util/HashSet", "java/util/LinkedHashSet");

    /**
     * Sizes that a simulated VM, which has some dozens of pages, could not have: the least budget and the slack of a reservation, the pages of a
     * chunk, those that a worker of a round takes at once, those that are kept free of a reservation and of a batch that is
     * paged out, and the least share of one that is drained.
     */
    private static final Map<Long, Long> SCALED =
            Map.of(16L << 20, 32L << 12, 32_768L, 16L, 2_048L, 8L, 1_024L, 16L, 1L << 20, 4L << 12, 512L, 8L);

    private static final String SIZED = "org/splitmem/memory/(migration|vm|drain|fault|dirty|workingset)/.*";

    private Replaced() {}

    private static Map<String, String> statics() {
        Map<String, String> all = new HashMap<>();
        all.put("java/lang/System.nanoTime", "SimClock");
        all.put("java/lang/System.currentTimeMillis", "SimClock");
        all.put("java/time/Instant.now", "SimClock");
        all.put("java/util/UUID.randomUUID", "SimRandom");
        for (String owner : new String[] {"Set", "Map"}) {
            for (String name : new String[] {"of", "copyOf", "ofEntries"}) {
                all.put("java/util/" + owner + "." + name, "Ordered" + owner);
            }
        }
        all.put(CONCURRENT + "ConcurrentHashMap.newKeySet", "OrderedSet");
        all.put("com/sun/jna/Native.register", "Syscalls");
        all.put("com/sun/jna/Native.getLastError", "Syscalls");
        all.put("org/slf4j/LoggerFactory.getLogger", "SimLog");
        return all;
    }

    /** @return the internal name of the class that has the method instead */
    static @Nullable String ownerOf(String owner, String name) {
        String other = owner.equals("java/nio/file/Files") ? "SimFiles" : STATICS.get(owner + "." + name);
        return other == null ? null : MACHINE + other;
    }

    /** @return what a constant of a class is to a machine that is as small as the simulated one */
    static Object scaled(String className, Object constant) {
        return constant instanceof Long size && SCALED.containsKey(size) && className.matches(SIZED)
                ? SCALED.get(size)
                : constant;
    }

    static String machine(String simpleName) {
        return MACHINE + simpleName;
    }
}
