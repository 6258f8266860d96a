#include "processes/manager.h"

#include "sockets/address.h"
#include "sockets/net.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- The connection -------------------------------------------------------------------------- */

void dict_init(struct dict *dict, const char *path)
{
    dict->path = path;
    dict->owner = 0;
    dict->fd = -1;
}

void dict_close(struct dict *dict)
{
    close(dict->fd);
    dict_init(dict, dict->path);
}

static bool lose(struct dict *dict, int error)
{
    close(dict->fd);
    dict->fd = -1;
    dict->lost = error;
    snprintf(dict->error, sizeof dict->error, "no connection to the manager: %s", strerror(error));
    errno = error;
    return false;
}

/* If two processes used one connection, each might read the other's replies. */
static bool connect_own(struct dict *dict)
{
    struct address address;
    if (dict->owner == getpid())
        return dict->fd >= 0 || lose(dict, dict->lost);
    dict_close(dict); /* this process's copy of its parent's */
    dict->owner = getpid();
    dict->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    dict->replies = lines_open(dict->fd, dict->buffer, sizeof dict->buffer);
    if (dict->fd < 0 || !address_parse(&address, AF_UNIX, dict->path, 0) ||
        connect(dict->fd, (struct sockaddr *)&address.storage, address.length) < 0)
        return lose(dict, errno);
    return true;
}

/* ---- A request and its reply ----------------------------------------------------------------- */

static bool refuse(struct dict *dict, int error, const char *why)
{
    snprintf(dict->error, sizeof dict->error, "%s", why);
    errno = error;
    return false;
}

/* Writes the words as one line. Refuses a word that would become two words, or two requests. */
static bool write_line(struct dict *dict, char line[MANAGER_LINE], const char *word, va_list more)
{
    size_t length = 0;
    for (; word; word = va_arg(more, const char *)) {
        size_t room = MANAGER_LINE - length;
        if (*word == '\0' || strpbrk(word, " \r\n"))
            return refuse(dict, EINVAL, "ValueError: an empty word, or one with a space");
        if (strlen(word) + 2 > room)
            return refuse(dict, EINVAL, "ValueError: too many words");
        length += (size_t)snprintf(line + length, room, "%s ", word);
    }
    line[length - 1] = '\n'; /* in place of the last space */
    return true;
}

static const char *read_reply(struct dict *dict)
{
    char *line;
    size_t length;
    enum lines_result result = lines_next(&dict->replies, &line, &length);
    if (result != LINES_LINE || dict->replies.at_end) {
        lose(dict, result == LINES_ERROR ? errno : ECONNRESET);
        return NULL;
    }
    line[length] = '\0'; /* in place of the newline */
    bool is_missing = strncmp(line, "error KeyError", 14) == 0;
    if (strncmp(line, "error ", 6) == 0)
        refuse(dict, is_missing ? ENOENT : EINVAL, line + 6);
    else
        return line + (length > 2 ? 3 : 2); /* after "ok", or after "ok " */
    return NULL;
}

/* It reads even if it could not send: a manager that refuses this client has said why. */
const char *dict_call(struct dict *dict, const char *method, ...)
{
    char line[MANAGER_LINE];
    va_list arguments;
    va_start(arguments, method);
    bool fits = write_line(dict, line, method, arguments);
    va_end(arguments);
    if (!fits || !connect_own(dict))
        return NULL;
    bool sent = net_send_all(dict->fd, line, strlen(line));
    int error = errno;
    const char *result = read_reply(dict);
    if (!result && dict->fd < 0 && !sent)
        lose(dict, error);
    return result;
}
