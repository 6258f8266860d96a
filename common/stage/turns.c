#include "stage/turns.h"

#include "stage/choose.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PLAYERS = 16, TEXT_BYTES = 64 };

/* What a player tells main. All but FREES end its turn. */
enum kind { STEP, WAITS, FREES };

struct news {
    enum kind kind;
    char text[TEXT_BYTES]; /* the next step, or "" for none; what it waits for; what it frees */
};

/* A pair of sockets connects main and the player, so whoever dies keeps nobody waiting. */
static struct player {
    const char *name; /* NULL: a free place */
    int main_end, own_end;
    bool runs;        /* it starts, has the turn, or has been woken: main waits for its news */
    struct news last; /* if it does not run */
} players[PLAYERS];

static _Thread_local struct player *me;

static bool get(int fd, void *data, size_t size)
{
    ssize_t got;
    do
        got = recv(fd, data, size, 0);
    while (got < 0 && errno == EINTR);
    return got > 0;
}

static void put(int fd, const void *data, size_t size)
{
    while (send(fd, data, size, MSG_NOSIGNAL) < 0 && errno == EINTR)
        continue;
}

/* ---- A player -------------------------------------------------------------------------------- */

static void tell(enum kind kind, const char *text)
{
    struct news news = {.kind = kind};
    snprintf(news.text, sizeof news.text, "%s", text);
    if (me)
        put(me->own_end, &news, sizeof news);
}

void turn_await(void)
{
    char turn;
    if (!me || !get(me->own_end, &turn, 1))
        _exit(EXIT_FAILURE); /* main has gone */
}

void turn_take(const char *name, const char *step, ...)
{
    char text[TEXT_BYTES];
    for (int i = 0; i < PLAYERS && !me; i++)
        if (players[i].name && strcmp(players[i].name, name) == 0)
            me = &players[i];
    if (!me)
        fail("%s takes no turns", name);
    va_list arguments;
    va_start(arguments, step);
    vsnprintf(text, sizeof text, step, arguments);
    va_end(arguments);
    tell(STEP, text);
    turn_await();
}

void turn_lock(const char *name, const char *what, pthread_mutex_t *mutex)
{
    turn_take(name, "wants the %s", what);
    if (pthread_mutex_trylock(mutex) == 0) {
        pthread_mutex_unlock(mutex); /* it is free, and stays so while the caller has the turn */
    } else {
        say(name, "wants the %s", what);
        turn_wait(what);
    }
}

void turn_wait(const char *what)
{
    tell(WAITS, what);
}

void turn_unlock(const char *what)
{
    tell(FREES, what);
}

void turn_end(void)
{
    tell(STEP, "");
}

void turn_leave(void)
{
    if (me)
        close(me->own_end);
}

/* ---- Who plays ------------------------------------------------------------------------------- */

int turns_add(const char *name)
{
    int place = 0, ends[2];
    while (place < PLAYERS && players[place].name)
        place++;
    if (place == PLAYERS)
        fail("more than %d take turns", PLAYERS);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
        die("socketpair");
    players[place] = (struct player){name, ends[0], ends[1], .runs = true};
    return place;
}

void turns_remove(int player)
{
    if (players[player].name)
        close(players[player].main_end); /* if it waits for its turn, it ends */
    players[player].name = NULL;         /* the ends stay: a thread may still close its own */
    players[player].runs = false;
    players[player].last = (struct news){0};
}

/* When the last copy of main's end closes, main has gone. */
void turns_fork(int player, bool is_child)
{
    if (!is_child) {
        close(players[player].own_end);
        return;
    }
    for (int i = 0; i < PLAYERS; i++)
        if (players[i].name)
            close(players[i].main_end);
    me = &players[player];
}

/* ---- Main ------------------------------------------------------------------------------------ */

static bool runs(int player)
{
    return players[player].runs;
}

static bool waits(int player)
{
    return players[player].last.kind == WAITS;
}

static bool could_go_on(int player)
{
    return players[player].last.text[0] && !waits(player);
}

static void give(int player)
{
    players[player].runs = true;
    put(players[player].main_end, "", 1);
}

static void hear(int player)
{
    struct news news;
    if (!get(players[player].main_end, &news, sizeof news)) {
        turns_remove(player);
    } else if (news.kind == FREES) {
        for (int i = 0; i < PLAYERS; i++)
            if (waits(i) && strcmp(players[i].last.text, news.text) == 0)
                players[i].runs = true;
    } else {
        players[player].last = news;
        players[player].runs = false;
    }
}

bool turns_give(int player)
{
    if (players[player].name)
        give(player);
    while (players[player].runs)
        hear(player);
    return players[player].name != NULL;
}

/* The next one after the last; -1: there is none. */
static int find(bool (*is)(int player), int last)
{
    for (int i = 1; i <= PLAYERS; i++)
        if (is((last + i) % PLAYERS))
            return (last + i) % PLAYERS;
    return -1;
}

static int chosen_player(void)
{
    char menu[PLAYERS * 2 * TEXT_BYTES] = "", keys[PLAYERS + 2] = "q", *end = menu;
    int lines = 0;
    for (int i = 0; i < PLAYERS; i++) {
        const char *name = players[i].name, *text = players[i].last.text;
        char key = (char)('1' + i);
        if (waits(i))
            end += sprintf(end, "     %.15s waits for the %s\n", name, text);
        else if (could_go_on(i))
            end += sprintf(end, "  %c  %.15s %s\n", key, name, text);
        if (could_go_on(i))
            keys[strlen(keys)] = key;
        lines += waits(i) || could_go_on(i);
    }
    if (!keys[1] || lines == 1) /* there is nothing to choose */
        return find(could_go_on, -1);
    return choose_key(menu, keys) - '1';
}

static void name_a_deadlock(void)
{
    if (find(waits, -1) < 0)
        return;
    for (int i = 0; i < PLAYERS; i++)
        if (waits(i))
            say(players[i].name, "deadlock: waits for the %s", players[i].last.text);
    fail("a deadlock: nobody can go on");
}

int turns_play(void)
{
    int player = -1, left = 0;
    do {
        for (int i = find(runs, -1); i >= 0; i = find(runs, -1))
            hear(i);
        player = choose_is_wanted() ? chosen_player() : find(could_go_on, player);
        if (player >= 0)
            give(player);
    } while (player >= 0);
    name_a_deadlock();
    for (int i = 0; i < PLAYERS; i++)
        left += players[i].name != NULL;
    return left;
}
