package org.splitmem.hooks.domain;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The domain XMLs under src/test/resources/domains, written as the tools of this world write them. */
public final class Corpus {
    static final Path RESOURCES = Path.of(System.getProperty("basedir", "."), "src/test/resources");

    private static final Path DIRECTORY = RESOURCES.resolve("domains");

    private Corpus() {}

    /** File names without their extension, sorted. */
    static List<String> names() {
        try (var files = Files.list(DIRECTORY)) {
            return files.map(file -> file.getFileName().toString())
                    .map(name -> name.substring(0, name.lastIndexOf('.')))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static String text(String name) {
        try {
            return Files.readString(DIRECTORY.resolve(name + ".xml"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static DomainXml domain(String name) {
        return DomainXml.parse(text(name));
    }

    /** The names of the domains that can be split. */
    static List<String> splittable() {
        return names().stream()
                .filter(name -> SplitReadiness.obstacles(domain(name)).isEmpty())
                .toList();
    }
}
