package org.splitmem.memory.sim.machine;

import java.io.IOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/** Loads the project's code anew, and runs plans with it, one after the other. Confined to one thread. */
public final class Simulator {
    private static final String RUN = "org.splitmem.memory.sim.Run";
    /** What the simulated hosts do not have. */
    private static final List<String> UNUSED = List.of("control", "config", "sim", "MemoryService");

    private final Function<Plan, Outcome> run;

    @SuppressWarnings("unchecked")
    public Simulator() {
        SimLoader loader = new SimLoader(Simulator.class.getClassLoader());
        try {
            initialise(loader);
            run = (Function<Plan, Outcome>)
                    loader.loadClass(RUN).getDeclaredConstructor().newInstance();
        } catch (ReflectiveOperationException | IOException e) {
            throw new AssertionError(e);
        }
    }

    public Outcome run(Plan plan) {
        return run.apply(plan);
    }

    /** A class that were initialised by a simulated thread, which gives way meanwhile, would stop all others that need it for good. */
    private static void initialise(ClassLoader loader) throws IOException, ClassNotFoundException {
        URL some = Simulator.class.getResource("/org/splitmem/memory/vm/Vm.class");
        if (some == null || !some.getProtocol().equals("file")) {
            throw new IOException("the daemon's classes are not in a directory: " + some);
        }
        Path root = Path.of(URI.create(some.toString())).getParent().getParent();
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : files.sorted().toList()) {
                Path name = root.relativize(file);
                if (name.toString().endsWith(".class") && isUsed(name)) {
                    String of = name.toString().replace(".class", "").replace('/', '.');
                    Class.forName("org.splitmem.memory." + of, true, loader);
                }
            }
        }
    }

    private static boolean isUsed(Path name) {
        String first = name.getName(0).toString();
        return UNUSED.stream().noneMatch(first::startsWith) && !name.toString().contains("package-info");
    }
}
