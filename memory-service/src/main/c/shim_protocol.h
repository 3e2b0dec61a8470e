/*
 * The shim protocol: what QEMU's shim and splitmemd say to each other over a Unix stream socket.
 *
 * Every message is 256 bytes, little-endian; ZAP alone is followed by a body.
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
 *                                      -> MAPPED_OK a=modes to register | ERROR
 *   The shim registers these modes, then closes the connection: its end says that the backend is ready.
 *
 * SERVICE connection, one per QEMU, made again for ever when it breaks; after
 *   HELLO  arg=2, a=pid, b=number of mapped backends, text=uuid
 *   MAPPED once for each of them, c=0: "already attached"; the modes in the reply are ignored
 * the daemon asks, one request at a time, and the shim answers DONE arg=errno (0: done):
 *   ZAP    arg=backend, b=n (1..1024), body: n x {u64 offset, u64 length}; a bad range: EINVAL, a=its index, nothing
 *          zapped; if the kernel refuses range a, the ranges before it are zapped
 *   MODES  arg=backend, a=modes (0: unregister), b=offset, c=length (0, 0: the whole backend)
 *   HOLD   arg=1 hold, 0 release the exit of QEMU; ESHUTDOWN if QEMU is past the point where it can be held
 *   ZAP and MODES give ENXIO for a backend that QEMU has unmapped since (memory unplug). What is not one of these
 *   requests, or no message at all, costs the connection.
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
    SHIM_TEXT_LENGTH = 216,
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
};

enum shim_role {
    SHIM_ROLE_ATTACH = 1,
    SHIM_ROLE_SERVICE = 2,
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
