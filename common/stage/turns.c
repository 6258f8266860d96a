#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "stage/turns.h"

#include "stage/choose.h"
#include "stage/die.h"
#include "stage/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PLAYERS = 16, STEP_BYTES = 64 };

/* What main knows of a player. */
static struct player {
    const char *name; /* NULL: a free place */
    int main_end, own_end;
} players[PLAYERS];

/* What a player tells the others, in shared memory for processes. */
static struct note {
    char step[STEP_BYTES];           /* its next one; "": none */
    _Atomic(const char *) waits_for; /* NULL: it is not blocked */
    _Atomic(const char *) has;
    atomic_bool is_here; /* false: it has the turn, or has been woken */
} * notes;

static _Thread_local struct player *me;

/* ---- A byte gives the turn, and a byte ends it ----------------------------------------------- */

static bool get_byte(int fd)
{
    char byte;
    ssize_t got;
    do
        got = recv(fd, &byte, 1, 0);
    while (got < 0 && errno == EINTR);
    return got == 1;
}

static void put_byte(int fd)
{
    while (send(fd, "", 1, MSG_NOSIGNAL) < 0 && errno == EINTR)
        continue;
}

int turns_add(const char *name)
{
    int place = 0, ends[2];
    size_t bytes = PLAYERS * sizeof *notes;
    while (place < PLAYERS && players[place].name)
        place++;
    if (place == PLAYERS)
        fail("more than %d take turns", PLAYERS);
    if (!notes)
        notes = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (notes == MAP_FAILED)
        die("mmap");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        die("socketpair");
    players[place] = (struct player){name, ends[0], ends[1]};
    memset(&notes[place], 0, sizeof notes[place]);
    return place;
}

void turns_remove(int player)
{
    if (players[player].name)
        close(players[player].main_end); /* if it waits for its turn, it ends */
    players[player].name = NULL;
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

bool turns_give(int player)
{
    if (!players[player].name)
        return false;
    put_byte(players[player].main_end);
    return get_byte(players[player].main_end);
}

/* ---- A player -------------------------------------------------------------------------------- */

void turn_end(void)
{
    if (me)
        put_byte(me->own_end);
}

void turn_await(void)
{
    if (!me || !get_byte(me->own_end))
        _exit(EXIT_FAILURE);
    notes[me - players].step[0] = '\0';
}

void turn_leave(void)
{
    if (me)
        close(me->own_end);
}

void turn_take(const char *name, const char *step, ...)
{
    for (int i = 0; i < PLAYERS && !me; i++)
        if (players[i].name && strcmp(players[i].name, name) == 0)
            me = &players[i];
    if (!me)
        fail("%s takes no turns", name);
    va_list arguments;
    va_start(arguments, step);
    vsnprintf(notes[me - players].step, STEP_BYTES, step, arguments);
    va_end(arguments);
    turn_end();
    turn_await();
}

static bool is(const char *what, const char *other)
{
    return other && strcmp(what, other) == 0;
}

void turn_lock(const char *name, const char *what)
{
    bool is_free = true;
    turn_take(name, "wants the %s", what);
    for (int i = 0; i < PLAYERS; i++)
        is_free = is_free && !is(what, notes[i].has);
    if (is_free) {
        notes[me - players].has = what;
        return;
    }
    say(name, "wants the %s", what);
    turn_wait(what);
}

void turn_wait(const char *what)
{
    notes[me - players].waits_for = what;
    turn_end();
}

void turn_unlock(const char *what)
{
    notes[me - players].has = NULL;
    for (int i = 0; i < PLAYERS; i++)
        if (is(what, notes[i].waits_for)) {
            notes[i].waits_for = NULL;
            notes[i].has = what;
            notes[i].is_here = false;
        }
}

/* ---- Main ------------------------------------------------------------------------------------ */

/* Waits until nobody has the turn. Whoever had it may have woken another player, or have ended. */
static void await_all(void)
{
    for (int i = 0; i < PLAYERS; i++) {
        if (!players[i].name || notes[i].is_here)
            continue;
        notes[i].is_here = get_byte(players[i].main_end);
        if (!notes[i].is_here)
            turns_remove(i);
        i = -1; /* all of them again */
    }
}

static bool waits(int i)
{
    return players[i].name && notes[i].waits_for;
}

static bool could_go_on(int i)
{
    return players[i].name && !waits(i) && notes[i].step[0];
}

/* The next one after the last; -1: nobody could go on. */
static int next_player(int last)
{
    for (int i = 1; i <= PLAYERS; i++)
        if (could_go_on((last + i) % PLAYERS))
            return (last + i) % PLAYERS;
    return -1;
}

/* Where only one is left, there is nothing to choose. */
static int chosen_player(void)
{
    int lines = 0;
    for (int i = 0; i < PLAYERS; i++)
        lines += could_go_on(i) || waits(i);
    for (int i = 0; i < PLAYERS && lines > 1; i++)
        if (could_go_on(i))
            choose_line(i, "%s %s", players[i].name, notes[i].step);
        else if (waits(i))
            choose_line(-1, "%s waits for the %s", players[i].name, notes[i].waits_for);
    return lines > 1 ? choose_player() : next_player(-1);
}

int turns_play(void)
{
    int player = -1, left = 0;
    for (await_all(); next_player(-1) >= 0; await_all()) {
        player = choose_is_wanted() ? chosen_player() : next_player(player);
        notes[player].is_here = false;
        put_byte(players[player].main_end);
    }
    bool is_deadlock = false;
    for (int i = 0; i < PLAYERS; i++) {
        left += players[i].name != NULL;
        if (waits(i)) {
            is_deadlock = true;
            say(players[i].name, "deadlock: waits for the %s", notes[i].waits_for);
        }
    }
    if (is_deadlock)
        fail("a deadlock: nobody can go on");
    return left;
}
