/* Whatever stands behind -object: what is read of it is terminated, and a path that is read stands in the text, or was escaped there. */
#include "qemu_object.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1); /* of this size, so that reading behind it is seen */
    struct qemu_object object;

    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    memset(&object, 'x', sizeof object);
    qemu_object_read(text, &object);
    if (memchr(object.type, '\0', sizeof object.type) == NULL || memchr(object.path, '\0', sizeof object.path) == NULL)
        abort();
    if (strlen(object.type) + strlen(object.path) > 2 * size)
        abort();
    free(text);
    return 0;
}
