/* One connection to splitmemd: whole messages, descriptors, time-outs. */
#ifndef SPLITMEM_CHANNEL_H
#define SPLITMEM_CHANNEL_H

#include "shim_protocol.h"

#include <stddef.h>
#include <stdint.h>

/* Every function returns 0 or a negative errno, and then `error` says in one sentence what went wrong. */
struct channel {
    int fd; /* -1: closed */
    uint32_t seq;
    int timeout_ms;
    char error[384];
};

enum { CHANNEL_MAX_DESCRIPTORS = 2 };

/* Descriptors that came with a message: -1 where there is none. They belong to the caller. */
struct descriptors {
    int fd[CHANNEL_MAX_DESCRIPTORS];
};

#define NO_DESCRIPTORS ((struct descriptors){{-1, -1}})

void descriptors_close(struct descriptors *d);

int channel_open(struct channel *c, const char *path, int timeout_ms);

void channel_close(struct channel *c);

/* Sends HELLO and expects WELCOME. */
int channel_hello(struct channel *c, enum shim_role role, uint64_t backends, const char *vm);

/* Sends *m with the descriptor `pass` (-1: none) and replaces it by the reply, which must be of type `expected`. */
int channel_call(struct channel *c, struct shim_message *m, int pass, enum shim_type expected, struct descriptors *got);

/* Answers a request whose seq is in *m. */
int channel_reply(struct channel *c, const struct shim_message *m);

/* Waits without limit for the first byte of a request, then takes the rest of it within the time-out. */
int channel_next_request(struct channel *c, struct shim_message *m);

/* Takes the body of a request. */
int channel_receive_body(struct channel *c, void *body, size_t length);

/* Records what went wrong; returns -err. */
int channel_fail(struct channel *c, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
