/* RAM that QEMU takes from a named file: which of the files it opens that is, and that the daemon's is what it gets. */
#include "fake_daemon.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAYS = 8, FIRST_WITHOUT_MODE = 4 };

_Static_assert(O_RDWR == 2, "as the commands spell it");

/* As libvirt 9.0 and 11.3 write it; nothing exists under this name. */
#define PC_RAM "/nowhere/libvirt/qemu/ram/1-vm/pc.ram"
#define OBJECT_OF(path) \
    "{\"qom-type\":\"memory-backend-file\",\"id\":\"pc.ram\",\"mem-path\":\"" path "\"," \
    "\"share\":true,\"x-use-canonical-path-for-ramblock-id\":false,\"size\":268435456}"

static struct qemu start(const struct daemon *d, const char *object0, const char *object1)
{
    struct qemu_options o = led_to(d);
    const char *arguments[] = {"-machine", "pc,memory-backend=pc.ram", "-object", object0,
        object1 == NULL ? NULL : "-object", object1};

    memcpy(o.arguments, arguments, sizeof arguments);
    return qemu_start(o);
}

static struct ram attach_file(struct daemon *d, struct qemu *q, const char *path, int way)
{
    char command[300];
    int connection;
    struct ram r;

    snprintf(command, sizeof command, "open %s %d %d", path, O_RDWR, way);
    r = open_backend_by(d, q, command, 4 * PAGE, &connection);
    CHECK_EQUAL(0, ftruncate(r.file, 4 * PAGE));
    write_file(&r, PAGE, 40 + way);
    map_backend(q, &r, connection, 4, 0);
    return r;
}

static void every_way_to_open_gives_the_daemons_file(void)
{
    for (int way = 0; way < WAYS; way++) {
        struct daemon d = daemon_start();
        struct qemu q = start(&d, OBJECT_OF(PC_RAM), NULL);
        struct ram r = attach_file(&d, &q, PC_RAM, way);

        CHECK_EQUAL(0, r.index);
        CHECK_EQUAL(40 + way, qemu_must(&q, "read %d %d", r.slot, PAGE));
        CHECK_EQUAL(ENOENT, qemu_do(&q, "open " PC_RAM "2 %d %d", O_RDWR, way).error);
        daemon_stop(&d);
    }
}

static void a_new_file_is_empty_until_qemu_gives_it_its_size(void)
{
    struct daemon d = daemon_start();
    struct qemu q = start(&d, OBJECT_OF(PC_RAM), NULL);
    int connection;
    struct ram r = open_backend_by(&d, &q, "open " PC_RAM " 2 5", 0, &connection);

    CHECK_EQUAL(0, qemu_must(&q, "size %d", r.qemu_fd));
    map_backend(&q, &r, connection, 8, 0);
    CHECK_EQUAL(8 * PAGE, lseek(r.file, 0, SEEK_END));
    daemon_stop(&d);
}

/* Each spells the path of the fake QEMU's command "open-odd". */
static const char *const spellings[] = {
    "{ \"mem-path\" : \"\\/nowhere\\/\\u0061 b\\u00e9\\ud83d\\ude00\\\",,c\" , \"n\":[1,{\"a\":\"}\\\"\"}],"
    "\"qom-type\":\"memory-backend-file\"}",
    "memory-backend-file,id=ram,share=on,mem-path=/nowhere/a b\xc3\xa9\xf0\x9f\x98\x80\",,,,c,size=16384",
    "mem-path=/nowhere/a b\xc3\xa9\xf0\x9f\x98\x80\",,,,c,qom-type=memory-backend-file",
};

static void odd_paths_are_read_as_qemu_reads_them(void)
{
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        struct daemon d = daemon_start();
        struct qemu q = start(&d, spellings[i], NULL);
        int connection;

        open_backend_by(&d, &q, "open-odd", 0, &connection);
        close(connection);
        daemon_stop(&d);
    }
}

static void backends_have_the_order_of_the_command_line(void)
{
    struct daemon d = daemon_start();
    struct qemu q = start(&d, OBJECT_OF("/nowhere/ram-node0"), OBJECT_OF("/nowhere/ram-node1"));
    struct ram first, second;

    CHECK_EQUAL(EBUSY, qemu_do(&q, "open /nowhere/ram-node1 2 5").error);
    CHECK_EQUAL(1, qemu_log_count(&q, "QEMU opens RAM backend 1 when it is 0's turn\n"));
    first = attach_file(&d, &q, "/nowhere/ram-node0", 1);
    second = attach_file(&d, &q, "/nowhere/ram-node1", 2);
    CHECK_EQUAL(0, first.index);
    CHECK_EQUAL(1, second.index);
    CHECK_EQUAL(EBUSY, qemu_do(&q, "open /nowhere/ram-node1 2 5").error);
    daemon_stop(&d);
}

/* Any other answer would have QEMU create the file, or a file in it, or try for ever. */
static void a_refusal_is_the_end_of_it(void)
{
    struct qemu q = qemu_start((struct qemu_options){
        .vm = VM, .socket = "/nowhere/shim.sock", .arguments = {"-object", OBJECT_OF(PC_RAM)}});

    for (int way = 0; way < WAYS; way++)
        CHECK_EQUAL(EIO, qemu_do(&q, "open " PC_RAM " 2 %d", way).error);
    CHECK_EQUAL(WAYS, qemu_log_count(&q, "cannot connect to splitmemd at /nowhere/shim.sock"));
}

static void other_files_are_untouched(void)
{
    char directory[] = "/tmp/shim-test-XXXXXX", path[64];
    struct daemon d = daemon_start();
    struct qemu q = start(&d, OBJECT_OF(PC_RAM), NULL);
    struct stat s;

    CHECK(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/pc.ram", directory);
    for (int way = 0; way < WAYS; way++) {
        int flags = way < FIRST_WITHOUT_MODE ? O_RDWR | O_CREAT | O_EXCL : O_RDWR;
        int fd = (int)qemu_must(&q, "open %s %d %d", path, flags, way);
        qemu_must(&q, "resize %d %d", fd, 4 * PAGE);
        if (way < FIRST_WITHOUT_MODE) {
            CHECK(stat(path, &s) == 0 && (s.st_mode & 0777) == (0644 & ~umask(022)));
            CHECK_EQUAL(EEXIST, qemu_do(&q, "open %s %d %d", path, flags, way).error);
        }
        if (way + 1 < FIRST_WITHOUT_MODE)
            CHECK(unlink(path) == 0);
    }
    CHECK_EQUAL(ENOENT, qemu_do(&q, "open " PC_RAM " %d 5", O_RDONLY).error); /* RAM is never opened to be read */
    CHECK(unlink(path) == 0 && rmdir(directory) == 0);
    CHECK_EQUAL(0, qemu_log_count(&q, "splitmem-shim"));
    daemon_stop(&d);
}

static void inert_without_environment(void)
{
    struct qemu q = qemu_start((struct qemu_options){.arguments = {"-object", OBJECT_OF(PC_RAM)}});

    CHECK_EQUAL(ENOENT, qemu_do(&q, "open " PC_RAM " 2 5").error);
    CHECK_EQUAL(0, qemu_log_count(&q, "splitmem-shim"));
}

/* Objects that are no RAM, words that only look like an object, and JSON that is broken off. */
static void only_ram_objects_count(void)
{
    static const char *const others[] = {
        "{\"qom-type\":\"secret\",\"mem-path\":\"" PC_RAM "\"}",
        "{\"qom-type\":\"memory-backend-file\",\"mem-path\":\"" PC_RAM,
        "{\"qom-type\":\"memory-backend-file\",\"mem-path\":{\"mem-path\":\"" PC_RAM "\"}}",
        "{\"qom-type\":\"memory-backend-file\",\"mem-path\":\"\\x" PC_RAM "\"}",
        "memory-backend-ram,mem-path=" PC_RAM,
        "memory-backend-file,mem-path=" PC_RAM ",,",
        "",
        "{",
    };

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct daemon d = daemon_start();
        struct qemu q = start(&d, others[i], NULL);

        CHECK_EQUAL(ENOENT, qemu_do(&q, "open " PC_RAM " 2 5").error);
        daemon_stop(&d);
    }
}

const struct test_case named_file_cases[] = {
    {"every way to open RAM's named file gives the daemon's", every_way_to_open_gives_the_daemons_file, true},
    {"a new VM's file is empty until QEMU gives it its size", a_new_file_is_empty_until_qemu_gives_it_its_size, true},
    {"paths are read as QEMU reads them, JSON and not", odd_paths_are_read_as_qemu_reads_them, false},
    {"backends have the order of QEMU's command line", backends_have_the_order_of_the_command_line, true},
    {"a refusal is no reason for QEMU to create the file, or to try again", a_refusal_is_the_end_of_it, false},
    {"files that are no RAM are untouched, their modes too", other_files_are_untouched, false},
    {"without its environment the shim opens nothing of its own", inert_without_environment, false},
    {"only RAM objects name RAM files", only_ram_objects_count, false},
    {0},
};
