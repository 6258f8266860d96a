#include "processes/pool.h"
#include "processes/worker.h"

#include <errno.h>
#include <stdlib.h>

enum { CHUNKS_FOR_A_WORKER = 4 };

static long smallest(long a, long b, long c)
{
    long smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

static long default_chunk(const struct pool *pool, long count)
{
    long chunks = (long)pool->worker_count * CHUNKS_FOR_A_WORKER;
    return count < chunks ? 1 : (count + chunks - 1) / chunks;
}

/* A chunk goes in pieces that fit a message. With max_tasks_per_child a piece is one number,
 * because a worker counts messages. Returns how many pieces there are. */
static long submit_pieces(struct pool *pool, struct task *pieces, struct task all, long chunk,
                          long most)
{
    long made = 0;
    for (long i = 0; i < all.count; made++) {
        struct task *piece = &pieces[made];
        *piece = all;
        piece->arguments += i;
        piece->results += i;
        piece->count = smallest(most, chunk - i % chunk, all.count - i);
        i += piece->count;
        pool_submit(pool, piece);
    }
    return made;
}

bool pool_map(struct pool *pool, bool (*function)(long, long *), const long *arguments,
              long *results, long count, long chunk)
{
    if (!pool_takes_tasks(pool))
        return false;
    if (chunk < 1)
        chunk = default_chunk(pool, count);
    long most = pool->options.max_tasks_per_child > 0 ? 1 : PIECE;
    struct task all = {.function = function, .arguments = arguments};
    all.results = results;
    all.count = count;
    struct task *pieces = calloc((size_t)(count / most + count / chunk + 2), sizeof *pieces);
    if (!pieces)
        return false;
    long made = submit_pieces(pool, pieces, all, chunk, most);
    int error = 0;
    for (struct task *piece = pieces; piece < pieces + made; piece++) {
        pool_get(pool, piece, -1);
        if (piece->state == TASK_FAILED && error == 0)
            error = piece->error ? piece->error : ECHILD;
    }
    free(pieces);
    errno = error;
    return error == 0;
}
