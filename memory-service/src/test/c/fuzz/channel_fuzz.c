/* Whatever splitmemd answers: a call fails with a sentence, or has the reply that it asked for; no descriptor stays open. */
#include "channel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte says what is asked; if it is odd, what makes a message ours is put right, which no fuzzer guesses. */
static void answer(int fd, const uint8_t *data, size_t size)
{
    struct shim_message m = {0};

    memcpy(&m, data + 1, size - 1 < sizeof m ? size - 1 : sizeof m);
    if (data[0] & 1) {
        m.magic = SHIM_MAGIC;
        m.version = SHIM_VERSION;
        m.seq = 1;
    }
    if (send(fd, &m, size - 1 < sizeof m ? size - 1 : sizeof m, MSG_NOSIGNAL) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct channel c = {.timeout_ms = 1000};
    struct shim_message m = {.type = SHIM_OPEN};
    struct descriptors got = NO_DESCRIPTORS;
    int pair[2], rc;

    if (size < 1)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        abort();
    c.fd = pair[0];
    if (size > 1)
        answer(pair[1], data, size);
    shutdown(pair[1], SHUT_WR);
    rc = data[0] & 2 ? channel_next_request(&c, &m) : channel_call(&c, &m, -1, SHIM_OPENED, &got);
    if (rc == 0 && (m.magic != SHIM_MAGIC || memchr(m.text, '\0', sizeof m.text) == NULL))
        abort();
    if (rc == 0 && !(data[0] & 2) && (m.type != SHIM_OPENED || m.seq != 1))
        abort();
    if (rc > 0 || (rc < 0 && (c.error[0] == '\0' || memchr(c.error, '\0', sizeof c.error) == NULL)))
        abort();
    descriptors_close(&got);
    channel_close(&c);
    close(pair[1]);
    return 0;
}
