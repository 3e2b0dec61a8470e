package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.shim.Qemu;
import org.splitmem.memory.testing.MemoryDirectory;

/** What an earlier daemon has left, and something has damaged since: that VM waits, its memory stays, and the others are served. */
class DamagedVmsTest {
    private static final long RAM = 64L << 20;
    private static final UUID VICTIM = TestVms.UUID_OF_VM;
    private static final UUID OTHER = new UUID(7, 7);

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final List<VmRegistry> registries = new ArrayList<>();

    /** What happens to the files of a paged VM between two daemons. */
    private enum Damage {
        RECORD_EMPTIED {
            @Override
            void make(Path vm) throws IOException {
                truncate(vm.resolve("vm.json"), 0);
            }
        },
        RECORD_TRUNCATED {
            @Override
            void make(Path vm) throws IOException {
                truncate(vm.resolve("vm.json"), 100);
            }
        },
        /** Still JSON, and still a record, but not the one that was written. */
        RECORD_CHANGED {
            @Override
            void make(Path vm) throws IOException {
                Path record = vm.resolve("vm.json");
                Files.writeString(record, Files.readString(record).replace("\"epoch\":5", "\"epoch\":4"));
            }
        },
        RECORD_OF_ANOTHER {
            @Override
            void make(Path vm) throws IOException {
                Path record = vm.resolve("vm.json");
                Files.delete(record);
                Files.copy(vm.resolveSibling(OTHER.toString()).resolve("vm.json"), record);
            }
        },
        RECORD_REMOVED {
            @Override
            void make(Path vm) throws IOException {
                Files.delete(vm.resolve("vm.json"));
            }
        },
        TABLE_REMOVED {
            @Override
            void make(Path vm) throws IOException {
                Files.delete(vm.resolve("table"));
            }
        },
        TABLE_EMPTIED {
            @Override
            void make(Path vm) throws IOException {
                truncate(vm.resolve("table"), 0);
            }
        },
        TABLE_TRUNCATED {
            @Override
            void make(Path vm) throws IOException {
                truncate(vm.resolve("table"), 8192);
            }
        },
        TABLE_ZEROED {
            @Override
            void make(Path vm) throws IOException {
                zero(vm.resolve("table"), 0, Files.size(vm.resolve("table")));
            }
        },
        ENTRIES_ZEROED {
            @Override
            void make(Path vm) throws IOException {
                zero(vm.resolve("table"), 4096, 2);
            }
        },
        PAGE_ON_AN_UNKNOWN_SERVER {
            @Override
            void make(Path vm) throws IOException {
                write(vm.resolve("table"), 8, new byte[] {(byte) PageEntry.of(PageState.REMOTE, 7), 0});
            }
        },
        TABLE_OF_ANOTHER {
            @Override
            void make(Path vm) throws IOException {
                Path table = vm.resolve("table");
                Files.delete(table);
                Files.copy(vm.resolveSibling(OTHER.toString()).resolve("table"), table);
            }
        },
        RAM_REMOVED {
            @Override
            void make(Path vm) throws IOException {
                Files.delete(vm.resolve("ram0"));
            }
        },
        RAM_TRUNCATED {
            @Override
            void make(Path vm) throws IOException {
                truncate(vm.resolve("ram0"), RAM / 2);
            }
        };

        abstract void make(Path vm) throws IOException;

        static void truncate(Path file, long bytes) throws IOException {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.truncate(bytes);
            }
        }

        static void zero(Path file, long from, long bytes) throws IOException {
            write(file, from, new byte[(int) bytes]);
        }

        static void write(Path file, long from, byte[] bytes) throws IOException {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.wrap(bytes), from);
            }
        }
    }

    @BeforeEach
    void leaveTwoVms() throws IOException {
        VmRegistry before = registry();
        before.recover(vm -> {}, vm -> {});
        for (UUID uuid : List.of(VICTIM, OTHER)) {
            VmRecord whole =
                    new VmRecord(uuid, "db", VmRecord.Phase.PAGED, List.of(RAM), 5, -1, List.of(), null, 1, null);
            Vm vm = before.prepare(TestVms.lentBy(whole, "h3", "h4", "h5"));
            vm.using(() -> {
                vm.requireMemory();
                vm.requireTable().put(3, PageEntry.of(PageState.LOCAL));
                vm.requireTable().put(4, PageEntry.of(PageState.REMOTE, 2));
            });
        }
        before.stop();
    }

    @AfterEach
    void stop() {
        registries.forEach(VmRegistry::stop);
    }

    private VmRegistry registry() throws IOException {
        VmRegistry registry = TestVms.registry(directory);
        registries.add(registry);
        return registry;
    }

    private Path of(UUID uuid) {
        return directory.resolve("vms/" + uuid);
    }

    @Test
    void whatIsAsItWasIsTakenUp() throws Exception {
        VmRegistry next = registry();

        next.recover(vm -> {}, vm -> {});

        assertThat(next.damaged().all()).isEmpty();
        Vm vm = next.find(VICTIM);
        assertThat(PageEntry.state(vm.requireTable().get(3))).isEqualTo(PageState.LOCAL);
        assertThat(vm.requireTable().get(4)).isEqualTo(PageEntry.of(PageState.REMOTE, 2));
        assertThat(vm.requireTable().get(5)).isEqualTo(PageEntry.of(PageState.ZERO));
    }

    @ParameterizedTest
    @EnumSource
    void aVmOfWhichNothingCanBeProvedIsFrozenAndNoOther(Damage damage) throws Exception {
        damage.make(of(VICTIM));
        List<String> files = files();
        VmRegistry next = registry();

        next.recover(vm -> {}, vm -> {});

        assertThat(next.find(OTHER)).isNotNull();
        assertThat(next.find(VICTIM)).isNull();
        assertThat(next.damaged().all()).containsOnlyKeys(VICTIM);
        assertThat(files()).as("files that are kept").isEqualTo(files);
        assertThatThrownBy(() -> next.open(new Qemu(VICTIM, "victim", 1), 0))
                .hasMessageContaining("VM " + VICTIM + " cannot be taken up, and is frozen: ")
                .hasMessageContaining("remove " + of(VICTIM) + " and restart splitmemd");
        assertThatThrownBy(() -> next.prepare(TestVms.record("db", VmRecord.Phase.INCOMING, RAM)))
                .hasMessageContaining("is frozen");
    }

    private List<String> files() throws IOException {
        try (var all = Files.walk(of(VICTIM))) {
            return all.map(Path::toString).sorted().toList();
        }
    }

    @Test
    void whatIsNothingOfOursIsLeftAlone() throws Exception {
        Files.writeString(directory.resolve("vms/notes.txt"), "of the operator");
        Files.createDirectories(directory.resolve("vms/lost+found"));
        Files.writeString(directory.resolve("vms/lost+found/ram0"), "?");
        VmRegistry next = registry();

        next.recover(vm -> {}, vm -> {});

        assertThat(next.all()).hasSize(2);
        assertThat(next.damaged().all()).isEmpty();
        assertThat(directory.resolve("vms/notes.txt")).exists();
        assertThat(directory.resolve("vms/lost+found/ram0")).exists();
    }

    @Test
    void whatWasJustBeingFreedIsTakenAway() throws Exception {
        Files.move(of(VICTIM), directory.resolve("vms/" + VICTIM + ".doomed"));
        Files.delete(directory.resolve("vms/" + VICTIM + ".doomed/table"));
        VmRegistry next = registry();

        next.recover(vm -> {}, vm -> {});

        assertThat(directory.resolve("vms"))
                .isDirectoryNotContaining(file -> file.toString().contains(VICTIM.toString()));
        assertThat(next.damaged().all()).isEmpty();
    }

    /** As if the daemon died in the middle of it. */
    @Test
    void aVmIsFreedAsAWholeOrNotAtAll() throws Exception {
        VmRegistry last = registry();
        last.recover(vm -> {}, vm -> {});
        Path stuck = Files.createDirectory(of(VICTIM).resolve("stuck"));
        Files.createFile(stuck.resolve("file"));

        last.remove(Objects.requireNonNull(last.find(VICTIM)), "it is over");

        VmRegistry next = registry();
        next.recover(vm -> {}, vm -> {});
        assertThat(next.damaged().all()).isEmpty();
        assertThat(next.find(VICTIM)).isNull();
    }

    @Test
    void whatCannotBeFreedIsTriedAgainAndIsInTheWayUntilThen() throws Exception {
        VmRegistry registry = registry();
        registry.recover(vm -> {}, vm -> {});
        Path aside = directory.resolve("aside");
        Files.move(of(VICTIM), aside);

        registry.remove(Objects.requireNonNull(registry.find(VICTIM)), "it is over");

        assertThatThrownBy(() -> registry.start(VmRecord.started(VICTIM, "victim", 1), 0))
                .hasMessageContaining("its former RAM is still being freed");
        Files.move(aside, of(VICTIM));
        registry.sweep();
        assertThat(of(VICTIM)).doesNotExist();
        assertThat(registry.start(VmRecord.started(VICTIM, "victim", 1), 0)).isNotNull();
    }

    /** A daemon that was killed while it made a VM: no QEMU has seen that. */
    @Test
    void whatWasJustBeingMadeIsTakenAway() throws Exception {
        Path begun = directory.resolve("vms/" + new UUID(8, 8));
        Files.createDirectories(begun);
        Files.write(begun.resolve("table"), new byte[4096]);
        VmRegistry next = registry();

        next.recover(vm -> {}, vm -> {});

        assertThat(begun).doesNotExist();
        assertThat(next.damaged().all()).isEmpty();
    }
}
