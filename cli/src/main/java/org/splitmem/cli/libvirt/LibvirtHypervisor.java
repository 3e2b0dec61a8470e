package org.splitmem.cli.libvirt;

import org.libvirt.Connect;
import org.libvirt.Domain;
import org.libvirt.Domain.DomainMigrateParameters;
import org.libvirt.Domain.MigrateFlags;
import org.libvirt.LibvirtException;
import org.libvirt.TypedParameter;
import org.libvirt.TypedStringParameter;
import org.libvirt.jna.Libvirt.VirErrorCallback;
import org.splitmem.cli.migration.Hypervisor;
import org.splitmem.cli.migration.HypervisorException;
import org.splitmem.cli.migration.Route;

/** libvirt, through its C library (libvirt.so.0 has to be installed). The connection may be used by several threads. */
public final class LibvirtHypervisor implements Hypervisor {
    /** The library would write each error to standard error, besides returning it. Held here, for C code holds no references. */
    private static final VirErrorCallback QUIET = (data, error) -> {};

    private final Connect connect;
    private final String uri;

    private LibvirtHypervisor(Connect connect, String uri) {
        this.connect = connect;
        this.uri = uri;
    }

    /**
     * Connects.
     *
     * @param uri of the libvirt daemon that runs the VM, as in {@code qemu:///system}
     */
    public static LibvirtHypervisor connect(String uri) throws HypervisorException {
        try {
            Connect.setErrorCallback(QUIET);
            return new LibvirtHypervisor(new Connect(uri), uri);
        } catch (LibvirtException e) {
            throw new HypervisorException("cannot connect to libvirt at " + uri + ": " + words(e), e);
        } catch (LinkageError e) {
            throw new HypervisorException(
                    "libvirt's C library was not found: install libvirt0 (libvirt-libs): " + e.getMessage(), e);
        }
    }

    @Override
    public void requireRunning(String uuid) throws HypervisorException {
        Domain domain = find(uuid);
        try {
            if (domain.isActive() != 1) {
                throw new HypervisorException("libvirt at " + uri + ": " + domain.getName() + " does not run");
            }
        } catch (LibvirtException e) {
            throw new HypervisorException("libvirt at " + uri + ": " + words(e), e);
        } finally {
            free(domain);
        }
    }

    @Override
    public void migrate(String uuid, Route route) throws HypervisorException {
        Domain domain = find(uuid);
        TypedParameter[] parameters = {
            new TypedStringParameter(DomainMigrateParameters.VIR_MIGRATE_PARAM_URI, route.migrateUri())
        };
        try {
            domain.migrateToURI(route.libvirtUri(), parameters, flags(domain));
        } catch (LibvirtException e) {
            throw new HypervisorException(
                    "libvirt, migrating to " + route.host() + " (" + route.libvirtUri() + "): " + words(e), e);
        } finally {
            free(domain);
        }
    }

    /** A VM that is defined on its host moves with its definition: left behind, it could be started a second time. */
    private static int flags(Domain domain) throws LibvirtException {
        int flags = MigrateFlags.LIVE | MigrateFlags.PEER2PEER;
        return domain.isPersistent() == 1 ? flags | MigrateFlags.PERSIST_DEST | MigrateFlags.UNDEFINE_SOURCE : flags;
    }

    @Override
    public void abort(String uuid) throws HypervisorException {
        Domain domain = find(uuid);
        try {
            domain.abortJob();
        } catch (LibvirtException e) {
            throw new HypervisorException("libvirt, aborting the migration: " + words(e), e);
        } finally {
            free(domain);
        }
    }

    private Domain find(String uuid) throws HypervisorException {
        try {
            return connect.domainLookupByUUIDString(uuid);
        } catch (LibvirtException e) {
            throw new HypervisorException("libvirt at " + uri + ": " + words(e), e);
        }
    }

    private static void free(Domain domain) {
        try {
            domain.free();
        } catch (LibvirtException e) {
            // Closing the connection frees what is left.
        }
    }

    private static String words(LibvirtException e) {
        return String.valueOf(e.getMessage()).replaceAll("\\s+", " ").strip();
    }

    @Override
    public void close() {
        try {
            connect.close();
        } catch (LibvirtException e) {
            // The program ends anyway, and with it the connection.
        }
    }
}
