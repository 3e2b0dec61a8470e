/* What the parts of the shim know of each other. */
#ifndef SPLITMEM_SHIM_H
#define SPLITMEM_SHIM_H

#include "shim_protocol.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

_Static_assert(sizeof(void *) == 8 && sizeof(off_t) == 8, "LP64 only: mmap and mmap64 are the same call");

/* Read from the environment when QEMU first asks for RAM; constant from then on. */
struct shim_config {
    bool active; /* false: every call goes straight to the C library, nothing else ever happens */
    char vm[SHIM_TEXT_LENGTH];
    char socket[PATH_MAX];
    int timeout_ms;
    int exit_hold_ms;
    int discard_timeout_ms;
};

extern struct shim_config shim_config;

/* One line on QEMU's stderr, which is the domain's log under libvirt. */
void shim_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- shim.c ---- */

/* Whether the environment names a VM. To be called only when main() runs for sure. */
bool shim_is_active(void);

/* To be called by each interposed function first: finds the functions of the C library behind ours. */
void shim_ready(void);

/* ---- open.c: the ways to open a file by its name ---- */

/* Finds the functions behind them, by resolve(name, pointer to the function pointer). */
void open_find_real(void (*resolve)(const char *name, void *function));

/* ---- ram_path.c: which files are guest RAM ---- */

/* The number of the backend whose RAM QEMU calls so on its command line, or -1. */
int ram_path_backend(const char *path);

/* ---- backend.c: the RAM backends of this QEMU ---- */

struct backend;

/* A mapped backend; its fields never change while it is mapped. */
struct backend_view {
    uint32_t index;
    uint64_t address;
    uint64_t length;
    int uffd;
};

/*
 * Asks the daemon for the next RAM file; `number`: which backend QEMU makes it for, or -1 if that is not known.
 * Returns its descriptor, or a negative errno after one line of log.
 */
int backend_open(int number);

/* The backend whose RAM file `fd` is, under whatever number, or NULL. Cheap while there is no backend at all. */
struct backend *backend_of(int fd);

bool backend_is_mapped(const struct backend *b);

/* Whether QEMU may give the RAM file this size. Returns 0, or a negative errno after one line of log. */
int backend_check_size(const struct backend *b, uint64_t length);

/* Whether this mapping can be the RAM. Returns 0, or a negative errno after one line of log; then it is gone. */
int backend_accept_mapping(struct backend *b, uint64_t length, int flags, off_t offset);

/* Hands QEMU's mapping to the daemon and registers it. Returns 0, or a negative errno after one line of log. */
int backend_attach(struct backend *b, void *address, size_t length);

bool backend_overlaps(const void *address, size_t length);

/* Returns false unless it is mapped. */
bool backend_view_of(const struct backend *b, struct backend_view *view);

/* To be called before [address, address + length) is unmapped: from then on no request touches it. */
void backend_forget(const void *address, size_t length);

/* Between them no hand-shake of a backend begins; the first waits for one in flight. */
void backend_freeze(void);
void backend_thaw(void);

/* To be called while frozen. Fills at most `max` views; returns how many are mapped. */
size_t backend_list(struct backend_view *views, size_t max);

/* Until backend_unpin() QEMU cannot unmap the backend. Returns 0, or EINVAL or ENXIO, and then nothing is pinned. */
int backend_pin(uint32_t index, struct backend_view *view);
void backend_unpin(void);

enum { SHIM_MAX_BACKENDS = 256 }; /* as many as QEMU has memory slots */

/* ---- service.c: the daemon's requests ---- */

/* Starts the service thread of this process unless it runs. Returns 0 or a negative errno. */
int service_start(void);

/* ---- discard.c: memory that the guest gives back ---- */

/* What becomes of discards, as MAPPED_OK says; it counts for the first backend only. Returns 0 or an errno. */
int discard_attached(uint64_t rule);

/* The same by request. When it returns, no discard under another rule is under way. Returns 0 or an errno. */
int discard_set_rule(uint64_t rule);

/* Returns once no discard is under way that an earlier daemon has allowed: the next one can believe the file. */
void discard_settle(void);

/* QEMU's fallocate(PUNCH_HOLE) on a RAM file; `call` is the C library's. Returns what QEMU is to get. */
int discard_file(
    const struct backend *b, int (*call)(int, int, off_t, off_t), int fd, int mode, off_t offset, off_t length);

/* QEMU's madvise(MADV_DONTNEED or MADV_REMOVE) on RAM. */
int discard_mapping(int (*call)(void *, size_t, int), void *address, size_t length, int advice);

/* ---- userfault.c ---- */

/*
 * A userfaultfd with every feature we need. `device` is an open /dev/userfaultfd or -1.
 * Returns it, or a negative errno with a sentence in `error`.
 */
int userfault_open(int device, uint64_t *features, char *error, size_t size);

/* Modes 0 unregisters. Returns 0 or an errno. */
int userfault_set_modes(int uffd, uint64_t address, uint64_t length, uint64_t modes);

bool userfault_knows_modes(uint64_t modes);

#endif
