#include "processes/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNKS_FOR_A_WORKER = 4 };

/* Four chunks for each worker, as in Python, but no larger than a message. */
static long usual_chunk(const struct pool *pool, long count)
{
    long chunks = (long)pool->worker_count * CHUNKS_FOR_A_WORKER;
    return count < chunks ? 1 : (count + chunks - 1) / chunks;
}

bool pool_map(struct pool *pool, bool (*function)(long, long *), const long *arguments,
              long *results, long count, long chunk)
{
    chunk = chunk < 1 ? usual_chunk(pool, count) : chunk;
    chunk = chunk < LARGEST_CHUNK ? chunk : LARGEST_CHUNK;
    struct task *tasks = calloc((size_t)(count / chunk + 1), sizeof *tasks), *end = tasks;
    if (!tasks)
        return false;
    int error = 0;
    memset(results, 0, (size_t)count * sizeof *results); /* what is lost stays 0 */
    for (long i = 0; i < count; i += chunk, end++) {
        end->function = function;
        end->arguments = arguments + i;
        end->results = results + i;
        end->count = count - i < chunk ? count - i : chunk;
        if (!pool_apply_async(pool, end)) {
            error = errno;
            break;
        }
    }
    for (struct task *task = tasks; task < end; task++) {
        pool_get(pool, task, -1);
        if (error == 0)
            error = task->error;
    }
    free(tasks);
    errno = error;
    return error == 0;
}
