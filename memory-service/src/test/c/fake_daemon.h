/* splitmemd as the tests play it: each step of the protocol is a call, so a case reads like the conversation. */
#ifndef SPLITMEM_FAKE_DAEMON_H
#define SPLITMEM_FAKE_DAEMON_H

#include "fake_qemu.h"
#include "shim_protocol.h"

#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stdint.h>

/* Numbers of linux/userfaultfd.h, which the tests spell out: the wire carries them. */
enum { MISSING = 1, WP = 2, MINOR = 4 };

struct daemon {
    char directory[64];
    char socket[96];
    int listener;
    int waiting; /* a connection that came before the one a case wanted, or -1; its HELLO is `hello` */
    struct shim_message hello;
};

/* Listens on a socket in a new directory, which daemon_stop() removes. */
struct daemon daemon_start(void);
void daemon_stop(struct daemon *d);

/* An environment that leads a fake QEMU to this daemon. */
struct qemu_options led_to(const struct daemon *d);

/* Waits for a connection of this role and takes its HELLO, but does not answer it. */
int daemon_accept(struct daemon *d, enum shim_role role, struct shim_message *hello);

/* Waits for a message, of this type. A descriptor that comes with it goes to *fd, which may be NULL. */
struct shim_message take(int connection, enum shim_type type, int *fd);

/* A reply of this type to the request *m. */
struct shim_message reply_to(const struct shim_message *m, enum shim_type type);

/* Sends *m with the descriptors; -1: none. */
void give(int connection, const struct shim_message *m, int fd0, int fd1);

/* Answers *m by a message without content. */
void acknowledge(int connection, const struct shim_message *m, enum shim_type type);

/* Whether the other side closes the connection, within the usual limit. */
bool is_closed(int connection);

/* A backend, as the daemon knows it. */
struct ram {
    int qemu_fd; /* its number in the fake QEMU */
    int slot;    /* of its mapping there */
    int file;
    int uffd;
    uint64_t address, length, features;
    uint32_t index;
};

/* A file for RAM, of no length. */
int new_ram_file(void);

/* Lets QEMU create a backend; *connection is left open after OPENED. */
struct ram open_backend(struct daemon *d, struct qemu *q, uint64_t expected_length, int *connection);

/* The same by this command of the fake QEMU, whose answer is the descriptor. */
struct ram open_backend_by(
    struct daemon *d, struct qemu *q, const char *command, uint64_t expected_length, int *connection);

/* Goes on: ftruncate, F_ADD_SEALS, mmap, up to the end of the ATTACH connection. */
void map_backend(struct qemu *q, struct ram *r, int connection, uint64_t pages, uint64_t modes);

/* The same with a rule for discards other than to refuse them. */
void map_backend_with_rule(
    struct qemu *q, struct ram *r, int connection, uint64_t pages, uint64_t modes, enum shim_discards rule);

/* Both, without looking at the details. */
struct ram attach(struct daemon *d, struct qemu *q, uint64_t pages, uint64_t modes);

/* Takes the service connection of a QEMU with these backends, in order; it brings them new descriptors. */
int accept_service(struct daemon *d, struct qemu *q, struct ram *rams, unsigned count);

/* Requests on the service connection; each returns DONE. */
struct shim_message zap(int service, uint32_t backend, unsigned count, const struct shim_range *ranges);
uint32_t zap_range(int service, uint32_t backend, uint64_t offset, uint64_t length);
uint32_t set_modes(int service, uint32_t backend, uint64_t modes, uint64_t offset, uint64_t length);
uint32_t set_hold(int service, bool held);
uint32_t set_discards(int service, uint32_t rule);
void send_discards(int service, uint32_t rule);

/* The next fault on a userfaultfd; the offset in RAM goes to *offset. Returns its flags. */
uint64_t next_fault(const struct ram *r, uint64_t *offset);

bool has_fault(const struct ram *r);

/* UFFDIO_COPY of a page of `value`, UFFDIO_CONTINUE, UFFDIO_WAKE of everything. */
void copy_page(const struct ram *r, uint64_t offset, int value);
void continue_page(const struct ram *r, uint64_t offset);
void wake_all(const struct ram *r);

/* Puts `value` into a byte of the file, as incoming memory. */
void write_file(const struct ram *r, uint64_t offset, int value);

#endif
