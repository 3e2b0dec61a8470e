/*
 * The monitor of a QEMU that is not ours any more. Prints "ready" once it listens.
 *
 * usage: monitor SOCKET endless|flood|greets|leaves
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int client;

static int say(const char *text, size_t length)
{
    return send(client, text, length, MSG_NOSIGNAL) > 0;
}

int main(int argc, char **argv)
{
    static const char greeting[] = "{\"QMP\": {}}\n", event[] = "{\"event\": \"RTC_CHANGE\"}\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    char scrap[4096];

    if (argc != 3)
        return 2;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0) {
        perror(argv[1]);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    client = accept(listener, NULL, NULL);
    say(greeting, sizeof greeting - 1);
    memset(scrap, ' ', sizeof scrap);
    while (strcmp(argv[2], "endless") == 0 && say(scrap, sizeof scrap))
        ;
    while (strcmp(argv[2], "flood") == 0 && say(event, sizeof event - 1))
        ;
    while (recv(client, scrap, sizeof scrap, 0) > 0 && strcmp(argv[2], "leaves") != 0)
        ;
    return 0;
}
