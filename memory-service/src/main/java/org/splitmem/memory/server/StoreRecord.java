package org.splitmem.memory.server;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.record.RecordFile;
import org.splitmem.memory.wire.Hello;

/**
 * What a store is for; kept beside its pages.
 *
 * @param vm whose pages
 * @param token who shows it may read and write them
 * @param epoch the newest owner epoch that was adopted
 * @param pages pages of the whole VM
 * @param reservedBytes the most it may keep
 * @param owner name of the host that made the reservation
 * @param main name of the host that owns the VM once the store is adopted; absent in records of earlier versions: the owner
 * @param adopted whether an owner has taken it over from the migration that made it
 * @param next who may become the owner; absent: nobody is about to
 */
public record StoreRecord(
        @JsonProperty(required = true) UUID vm,
        @JsonProperty(required = true) String token,
        @JsonProperty(required = true) long epoch,
        @JsonProperty(required = true) long pages,
        @JsonProperty(required = true) long reservedBytes,
        @JsonProperty(required = true) String owner,
        @Nullable String main,
        @JsonProperty(required = true) boolean adopted,
        @Nullable Next next) {
    /**
     * A host to which the VM may be migrating. It may read, and nothing more, until it has adopted the store; from then on the former
     * owner's token is worth nothing.
     *
     * @param epoch that it will show
     */
    public record Next(
            @JsonProperty(required = true) String host,
            @JsonProperty(required = true) String token,
            @JsonProperty(required = true) long epoch) {
        public Next {
            Objects.requireNonNull(host, "the host is missing");
            Objects.requireNonNull(token, "the token is missing");
        }
    }

    private static final String FILE = "store.json";

    public StoreRecord {
        Objects.requireNonNull(vm, "the uuid is missing");
        Objects.requireNonNull(token, "the token is missing");
        Objects.requireNonNull(owner, "the owner is missing");
        if (pages < 1 || reservedBytes < 0) {
            throw new IllegalArgumentException(reservedBytes + " B reserved of a VM with " + pages + " pages");
        }
    }

    /** Of which nobody is about to become the owner. */
    public StoreRecord(
            UUID vm,
            String token,
            long epoch,
            long pages,
            long reservedBytes,
            String owner,
            @Nullable String main,
            boolean adopted) {
        this(vm, token, epoch, pages, reservedBytes, owner, main, adopted, null);
    }

    /** By the owner, in a newer epoch. */
    StoreRecord adoptedBy(long newer) {
        return new StoreRecord(vm, token, newer, pages, reservedBytes, owner, main, true, next);
    }

    /** By the next owner. */
    StoreRecord adoptedBy(Next heir) {
        return new StoreRecord(vm, heir.token(), heir.epoch(), pages, reservedBytes, heir.host(), null, true, null);
    }

    StoreRecord withNext(@Nullable Next heir) {
        return new StoreRecord(vm, token, epoch, pages, reservedBytes, owner, main, adopted, heir);
    }

    boolean isOwnedBy(Hello hello) {
        return hello.shows(token);
    }

    /** Whether a caller is the one that may become the owner. */
    boolean isNext(Hello hello) {
        return next != null && hello.shows(next.token()) && hello.epoch() == next.epoch();
    }

    /** The host whose VM it is, or is to be. */
    public String mainHost() {
        return main == null ? owner : main;
    }

    /** The host that owns the VM, or may be about to. */
    public String heir() {
        return next == null ? mainHost() : next.host();
    }

    void save(Path directory) throws IOException {
        RecordFile.save(directory.resolve(FILE), this);
    }

    static boolean isIn(Path directory) {
        return Files.exists(directory.resolve(FILE));
    }

    /** @throws IOException naming the file if it cannot be read or understood */
    static StoreRecord load(Path directory) throws IOException {
        return RecordFile.load(directory.resolve(FILE), StoreRecord.class);
    }
}
