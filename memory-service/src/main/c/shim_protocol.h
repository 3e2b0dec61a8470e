/*
 * The shim protocol: what QEMU's shim and splitmemd say to each other over a Unix stream socket.
 *
 * Every message is 256 bytes, little-endian; ZAP and CLAIMED are followed by a body.
 *
 *  offset size field    meaning
 *       0    4 magic    "SPSH"
 *       4    2 version  1; a receiver drops a connection of any other
 *       6    2 type     SHIM_HELLO ...
 *       8    4 seq      chosen by the requester, echoed in the reply
 *      12    4 arg
 *      16    8 a
 *      24    8 b
 *      32    8 c
 *      40  216 text     NUL-padded UTF-8
 *
 * ATTACH connection, one per RAM backend; the shim asks:
 *   HELLO  arg=1, a=pid, text=uuid     -> WELCOME | ERROR
 *   OPEN   arg=backend index           -> OPENED a=expected length, 0 if any; descriptors: the RAM file, and
 *                                         optionally an open /dev/userfaultfd for a QEMU that may not open it itself
 *   MAPPED arg=index, a=address, b=length, c=features of the userfaultfd; descriptor: the userfaultfd
 *                                      -> MAPPED_OK a=modes to register, b=rule for discards | ERROR
 *   The shim registers these modes, then closes the connection: its end says that the backend is ready.
 *
 * SERVICE connection, one per QEMU, made again for ever when it breaks; after
 *   HELLO  arg=2, a=pid, b=number of mapped backends, c=1: knows DISCARDS, text=uuid
 *   MAPPED once for each of them, c=0: "already attached"; the modes in the reply are ignored
 * the daemon asks, one request at a time, and the shim answers DONE arg=errno (0: done):
 *   ZAP    arg=backend, b=n (1..1024), body: n x {u64 offset, u64 length}; a bad range: EINVAL, a=its index, nothing
 *          zapped; if the kernel refuses range a, the ranges before it are zapped
 *   MODES  arg=backend, a=modes (0: unregister), b=offset, c=length (0, 0: the whole backend)
 *   DISCARDS arg=rule: what becomes of memory that QEMU discards, since the guest has given it back.
 *            0 refused (EOPNOTSUPP)  1 the kernel frees it, as without the shim  2 ignored: QEMU hears of success, and
 *            nothing happens  3 the daemon is asked. When DONE is sent no discard under another rule is under way.
 *   HOLD   arg=1 hold, 0 release the exit of QEMU; ESHUTDOWN if QEMU is past the point where it can be held
 *   ZAP and MODES give ENXIO for a backend that QEMU has unmapped since (memory unplug). What is not one of these
 *   requests, or no message at all, costs the connection.
 *
 * DISCARD connection, one per QEMU, made when rule 3 first needs it; the shim asks, in QEMU's thread, with short time-outs:
 *   HELLO     arg=3, a=pid, text=uuid     -> WELCOME | ERROR
 *   DISCARD   arg=backend, a=offset, b=length (1..512 pages)
 *             -> CLAIMED a=pages on which faults wait from now on, b=n (0..512), body: n x {u64 offset, u64 length}
 *   The shim punches these ranges; what is not among them it leaves. Unless a is 0:
 *   DISCARDED arg=errno of that -> DONE, and no fault waits any more
 *   If the connection ends in between, the shim has freed what the file shows as a hole, and frees no more: it closes it at
 *   no other time, and makes a new SERVICE connection only then.
 *
 * MODES takes what the kernel gives: asking for a mode that is not yet registered replaces the registered set by the
 * asked one in one step, but asking only for a part of the registered set changes nothing (Linux, up to 6.18 at least).
 * To take modes off, unregister first; the guest then sees zeros in holes until the range is registered again, so this
 * is safe only where no page is elsewhere.
 */
#ifndef SPLITMEM_SHIM_PROTOCOL_H
#define SPLITMEM_SHIM_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

enum {
    SHIM_MAGIC = 0x48535053,
    SHIM_VERSION = 1,
    SHIM_MAX_ZAP_RANGES = 1024,
    SHIM_MAX_DISCARD_PAGES = 512,
    SHIM_TEXT_LENGTH = 216,
    SHIM_KNOWS_DISCARDS = 1, /* in c of the HELLO of a SERVICE connection */
};

enum shim_type {
    SHIM_HELLO = 1,
    SHIM_WELCOME = 2,
    SHIM_ERROR = 3,
    SHIM_OPEN = 4,
    SHIM_OPENED = 5,
    SHIM_MAPPED = 6,
    SHIM_MAPPED_OK = 7,
    SHIM_ZAP = 8,
    SHIM_DONE = 9,
    SHIM_MODES = 10,
    /* 11 is not used */
    SHIM_HOLD = 12,
    SHIM_DISCARDS = 13,
    SHIM_DISCARD = 14,
    SHIM_CLAIMED = 15,
    SHIM_DISCARDED = 16,
};

enum shim_discards {
    SHIM_DISCARDS_REFUSED = 0,
    SHIM_DISCARDS_KERNEL = 1,
    SHIM_DISCARDS_IGNORED = 2,
    SHIM_DISCARDS_ASKED = 3,
};

enum shim_role {
    SHIM_ROLE_ATTACH = 1,
    SHIM_ROLE_SERVICE = 2,
    SHIM_ROLE_DISCARD = 3,
};

struct shim_message {
    uint32_t magic;
    uint16_t version;
    uint16_t type;
    uint32_t seq;
    uint32_t arg;
    uint64_t a;
    uint64_t b;
    uint64_t c;
    char text[SHIM_TEXT_LENGTH];
};

struct shim_range {
    uint64_t offset;
    uint64_t length;
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the structs are sent as they are");
_Static_assert(sizeof(struct shim_message) == 256, "frozen in version 1");
_Static_assert(offsetof(struct shim_message, version) == 4, "frozen in version 1");
_Static_assert(offsetof(struct shim_message, type) == 6, "frozen in version 1");
_Static_assert(offsetof(struct shim_message, seq) == 8, "frozen in version 1");
_Static_assert(offsetof(struct shim_message, arg) == 12, "frozen in version 1");
_Static_assert(offsetof(struct shim_message, a) == 16, "frozen in version 1");
_Static_assert(offsetof(struct shim_message, b) == 24, "frozen in version 1");
_Static_assert(offsetof(struct shim_message, c) == 32, "frozen in version 1");
_Static_assert(offsetof(struct shim_message, text) == 40, "frozen in version 1");
_Static_assert(sizeof(struct shim_range) == 16, "frozen in version 1");
_Static_assert(offsetof(struct shim_range, length) == 8, "frozen in version 1");

#endif
