/*
 * As libvirt's child does before it becomes QEMU: writes its number to each file and locks it. Prints "ready", and ends with its input.
 *
 * usage: lock_file FILE ...
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    for (int i = 1; i < argc; i++) {
        int fd = open(argv[i], O_RDWR | O_CREAT, 0644);
        if (fd < 0 || fcntl(fd, F_SETLK, &whole) != 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
            perror(argv[i]);
            return 1;
        }
    }
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
