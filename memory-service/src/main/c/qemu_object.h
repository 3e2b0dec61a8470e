/* An argument of QEMU's -object. */
#ifndef SPLITMEM_QEMU_OBJECT_H
#define SPLITMEM_QEMU_OBJECT_H

#include <limits.h>

/* What the shim wants to know of it; empty if it is not said. */
struct qemu_object {
    char type[64];           /* qom-type, as "memory-backend-file" */
    char path[PATH_MAX + 1]; /* mem-path */
};

/* Of what cannot be read, whatever comes before the fault. QEMU itself then ends before it makes the object. */
void qemu_object_read(const char *text, struct qemu_object *o);

#endif
