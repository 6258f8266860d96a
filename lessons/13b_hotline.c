/* 13b_hotline: a dialogue: the server speaks first, and a worker waits for each caller
 *
 * Predict  ann calls the posts' hotline 10086 and dials 0, 9 and exit: what does she hear? And what
 *          would the posts' server send to a caller who closes his side without a word?
 * Run      build/13b_hotline
 * Watch    what is dialled is a line, and so is each prompt. The end of the file ends the call.
 * Before   04_lines, 13a_mixins
 * After    14a_server_thread
 * Python   the posts' MyServer with ThreadingTCPServer; for line in self.rfile; self.wfile.write
 */
#include "sockets/lines.h"
#include "sockets/net.h"
#include "sockets/stop.h"
#include "socketserver/mixin.h"
#include "socketserver/service.h"
#include "stage/args.h"
#include "stage/cast.h"
#include "stage/say.h"
#include "stage/server_program.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

/* ---- The hotline ----------------------------------------------------------------------------- */

enum { UNFINISHED_MS = 200 };

/* UTF-8, as this file is. A prompt ends with a newline and is sent by one write, which sends all of
 * it: however short the transfers are, no character stays cut. */
static const char greeting[] = "欢迎致电10086,请输入1xxx,0转人工服务.\n";
static const char recorded[] = "通过可能会被录音.balabala一大推\n";
static const char again[] = "请重新输入.\n";

/* The prompt for what was dialled; NULL: the call ends. */
static const char *prompt_for(const char *line, size_t length)
{
    if (length == 4 && memcmp(line, "exit", length) == 0)
        return NULL;
    return length == 1 && *line == '0' ? recorded : again;
}

/* What was dialled is a line, or what no newline follows for a while: the posts' client sends a
 * bare "0". The end of such a text is a guess, as a stream has no messages: lesson 04. */
static enum lines_result next_dialled(struct lines *reader, char **line, size_t *length)
{
    enum lines_result result;
    while ((result = lines_take(reader, line, length)) == LINES_MORE) {
        struct pollfd more = {.fd = reader->fd, .events = POLLIN};
        if (*length > 0 && poll(&more, 1, UNFINISHED_MS) == 0) {
            reader->start = reader->end;
            return LINES_LINE;
        }
        if (lines_fill(reader) == LINES_ERROR)
            return LINES_ERROR;
    }
    return result;
}

/* The posts' server goes on at the end of the file: a client that closes its side is sent prompts
 * without end. */
static bool answer_call(struct handler *self)
{
    const char *actor = service_actor(self);
    int number = self->request->number;
    enum lines_result result = LINES_LINE;
    const char *prompt = greeting;
    char *line;
    size_t length;
    say(actor, "client %d calls", number);
    while (prompt && !stop_asked) {
        if (!self->class->write(self, prompt, strlen(prompt)))
            return false;
        result = next_dialled(&self->rfile, &line, &length);
        if (result == LINES_END || result == LINES_ERROR)
            break;
        say(actor, "client %d dials %s", number, quote(line, length).text);
        prompt = result == LINES_TOO_LONG ? again : prompt_for(line, length);
    }
    say(actor, "client %d has left", number);
    return result != LINES_ERROR;
}

/* ---- ann ------------------------------------------------------------------------------------- */

static void hear(struct lines *call)
{
    char *line;
    size_t length;
    if (lines_next(call, &line, &length) == LINES_LINE)
        say("ann", "hears %.*s", (int)length, line);
    else
        say("ann", "hears the end of the call");
}

static void play(void)
{
    static const char *const dialled[] = {"0\n", "9\n", "exit\n"};
    char buffer[128];
    int ann = server_program_dial();
    struct lines call = lines_open(ann, buffer, sizeof buffer);
    hear(&call);
    for (int i = 0; i < 3; i++) {
        cast_send("ann", ann, dialled[i]);
        hear(&call);
    }
    close(ann);
}

static int open_hotline(const char *host, long port)
{
    static struct server server;
    struct handler_class handler = stream_request_handler();
    handler.handle = answer_call;
    stop_on_signals();
    return service_open(&server, threading_tcp_server(), handler, host, port, NULL);
}

int main(int argc, char **argv)
{
    static const struct server_program program = {
        .idea = "A dialogue: the server speaks first, and a worker waits for each caller.",
        .open = open_hotline,
        .serve = service_run,
        .play = play,
        .dial = net_connect,
    };
    args_typed = "  0 speaks to a person, exit ends the call; Ctrl-D hangs up\n";
    return server_program_run(argc, argv, &program);
}
