package org.splitmem.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.hooks.domain.DomainXml;
import org.splitmem.hooks.domain.MemorySource;
import org.splitmem.hooks.domain.ShimPaths;
import org.splitmem.hooks.domain.SplitReadiness;
import org.splitmem.hooks.domain.SplitReady;
import org.splitmem.hooks.domain.Warning;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "prepare",
        description = {
            "Make a libvirt domain split-ready: its RAM will belong to splitmemd.",
            "Reads the domain's XML, writes the XML to define. Refuses a domain that cannot be split, naming the element that is in the way.",
            "As in: virsh dumpxml --inactive vm1 | splitmem prepare -o vm1.xml && virsh define vm1.xml"
        })
final class PrepareCommand implements Runnable {
    @ParentCommand
    private Splitmem splitmem;

    @Parameters(
            arity = "0..1",
            paramLabel = "FILE",
            description = "The domain's XML. Default, and '-': standard input.")
    private @Nullable Path file;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FILE",
            description = "Where to write it. Default: standard output.")
    private @Nullable Path output;

    @Option(
            names = "--shim-library",
            paramLabel = "PATH",
            defaultValue = "/usr/lib/splitmem/libsplitmem-shim.so",
            description = "As shim.library in splitmem.conf of the VM's host. Default: ${DEFAULT-VALUE}.")
    private Path shimLibrary;

    @Option(
            names = "--shim-socket",
            paramLabel = "PATH",
            defaultValue = "/run/splitmem/shim.sock",
            description = "As shim.socket there. Default: ${DEFAULT-VALUE}.")
    private Path shimSocket;

    @Option(
            names = "--qmp-directory",
            paramLabel = "PATH",
            defaultValue = "/run/splitmem/qmp",
            description = "As qmp.directory there. Default: ${DEFAULT-VALUE}.")
    private Path qmpDirectory;

    @Option(
            names = "--memory-source",
            paramLabel = "TYPE",
            converter = SourceType.class,
            defaultValue = "none",
            description =
                    "For the live migration of a VM that runs: memoryBacking/source/@type of its live XML (memfd, file, or"
                            + " none if it has no source), as libvirt does not let it change. Default: ${DEFAULT-VALUE}, which is right"
                            + " for every domain that is yet to start.")
    private MemorySource memorySource;

    /** As in the XML, but for "none". */
    static final class SourceType implements CommandLine.ITypeConverter<MemorySource> {
        @Override
        public MemorySource convert(String text) {
            for (MemorySource source : MemorySource.values()) {
                if (text.equals(source == MemorySource.NONE ? "none" : source.type())) {
                    return source;
                }
            }
            throw new CommandLine.TypeConversionException("'" + text + "' is not memfd, file or none");
        }
    }

    /** What --json prints. */
    record Prepared(String name, String xml, List<Warning> warnings) {}

    @Override
    public void run() {
        DomainXml domain = DomainXml.parse(read());
        DomainXml ready = SplitReady.make(domain, new ShimPaths(shimLibrary, shimSocket, qmpDirectory), memorySource);
        List<Warning> warnings = SplitReadiness.warnings(ready);
        warnings.forEach(warning -> splitmem.err().println("splitmem: warning: " + warning));
        String xml = ready.serialize().strip() + "\n";
        if (output != null) {
            write(output, xml);
        }
        if (splitmem.json()) {
            splitmem.print(new Prepared(ready.name(), xml, warnings), "");
        } else if (output == null) {
            splitmem.out().print(xml);
            splitmem.out().flush();
        }
    }

    private String read() {
        try {
            byte[] bytes = file == null || file.toString().equals("-")
                    ? splitmem.surroundings().in().readAllBytes()
                    : Files.readAllBytes(file);
            return new String(bytes, StandardCharsets.UTF_8);
        } catch (NoSuchFileException e) {
            throw new CommandFailedException("no such file: " + file, e);
        } catch (IOException e) {
            throw new CommandFailedException(
                    "cannot read " + (file == null ? "standard input" : file) + ": " + e.getMessage(), e);
        }
    }

    /** All or nothing: the file may be the one that was read. */
    private static void write(Path target, String xml) {
        Path absolute = target.toAbsolutePath();
        Path part = absolute.resolveSibling(absolute.getFileName() + ".part");
        try {
            Files.writeString(part, xml);
            Files.move(part, absolute, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new CommandFailedException("cannot write " + target + ": " + e, e);
        }
    }
}
