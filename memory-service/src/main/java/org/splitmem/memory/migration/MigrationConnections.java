package org.splitmem.memory.migration;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.server.ConnectionHandler;
import org.splitmem.memory.server.ConnectionResolver;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;

/** What serves the connections of other hosts that are for migrations from and to this one. Any thread. */
final class MigrationConnections implements ConnectionResolver {
    private final MigrationService migrations;
    private final VmRegistry vms;
    private final Claims claims;

    MigrationConnections(MigrationService migrations, VmRegistry vms, Claims claims) {
        this.migrations = migrations;
        this.vms = vms;
        this.claims = claims;
    }

    @Override
    public @Nullable ConnectionHandler resolve(Hello hello) throws PeerException {
        return switch (hello.role()) {
            case CONTROL, STREAM -> resolveIncoming(hello);
            case PAGE_IN -> resolveOutgoing(hello);
            case PAGE_OUT, FETCH, PULL -> null;
        };
    }

    private @Nullable ConnectionHandler resolveIncoming(Hello hello) throws PeerException {
        IncomingMigration migration = migrations.incoming().find(hello.vm());
        if (migration == null || !hello.shows(migration.token())) {
            return null;
        }
        memoryOf(hello, migration.vm());
        if (hello.role() == Hello.Role.STREAM) {
            return socket -> migration.vm().using(() -> migration.serveStream(socket));
        }
        return socket -> {
            boolean over = false;
            boolean broken = true;
            try {
                over = serveControl(migration, socket);
                broken = false;
            } finally {
                // A reset says no more than an end: a QEMU that has come may be about to run the guest.
                if (broken ? migration.isWithoutQemu() : over) {
                    migrations.incoming().discard(migration, "its migration ended before the guest ran here");
                }
            }
        };
    }

    private static boolean serveControl(IncomingMigration migration, FrameSocket socket) throws IOException {
        boolean[] over = {true};
        migration.vm().using(() -> over[0] = migration.serveControl(socket));
        return over[0];
    }

    private @Nullable ConnectionHandler resolveOutgoing(Hello hello) throws PeerException {
        OutgoingMigration migration = claims.outgoing(hello.vm());
        Vm vm = migration == null ? vms.find(hello.vm()) : migration.vm();
        VmRecord.Lender how = migration == null
                ? MigrationService.keptFor(vm)
                : migration.task().source();
        if (vm == null || how == null || !hello.shows(how.token())) {
            return null;
        }
        OutgoingPages pages = new OutgoingPages(
                memoryOf(hello, vm), tableOf(vm), migration == null ? () -> {} : migration.report()::fetched);
        return socket -> vm.using(() -> pages.serve(socket));
    }

    /** Says which pages of a VM are elsewhere; null if none is. The VM's destination may connect before it begins to leave. */
    static @Nullable PageTable tableOf(Vm vm) throws PeerException {
        try {
            return vm.record().hasTable() ? vm.requireTable() : null;
        } catch (IOException e) { // all pages have been fetched
            throw new PeerException(ErrorCode.UNKNOWN_VM, String.valueOf(e.getMessage()));
        }
    }

    /** The RAM that a peer wants to talk of. @throws PeerException if it is of another size than the peer thinks */
    private static GuestMemory memoryOf(Hello hello, Vm vm) throws PeerException {
        GuestMemory memory;
        try {
            memory = vm.requireMemory();
        } catch (IOException e) {
            throw new PeerException(ErrorCode.INTERNAL, String.valueOf(e.getMessage()));
        }
        if (hello.pages() != memory.pages()) {
            throw new PeerException(
                    ErrorCode.BAD_FRAME,
                    "VM " + hello.vm() + " has " + memory.pages() + " pages, " + hello.pages() + " were named");
        }
        return memory;
    }
}
