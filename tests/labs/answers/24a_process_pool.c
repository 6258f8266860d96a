static int work(void *unused)
{
    (void)unused;
    process_end_with_parent(SIGKILL);
    close(results[0]);
    close(tasks[1]);
    for (;;) {
        struct task mine;
        ssize_t got = read(tasks[0], &mine, sizeof mine);
        if (got == 0)
            break;
        if (got < 0)
            die("read");
        mine.result = (*function)(mine.argument);
        if (write(results[1], &mine, sizeof mine) < 0)
            die("write");
    }
    return EXIT_SUCCESS;
}

static void pool_open(long (*run)(long argument))
{
    if (pipe(tasks) != 0)
        die("pipe");
    if (pipe(results) != 0)
        die("pipe");
    function = run;
    long started = 0;
    while (started < worker_count) {
        if (!process_start(workers + started, "worker", work, NULL))
            die("fork");
        started++;
    }
    close(tasks[0]);
    close(results[1]);
}

static void apply_async(long argument)
{
    struct task task;
    task.argument = argument;
    task.result = 0;
    unfinished += 1;
    if (write(tasks[1], &task, sizeof task) < 0)
        die("write");
}

static void pool_close(void)
{
    if (close(tasks[1]) < 0)
        die("close");
}

static void pool_join(void (*callback)(long result))
{
    struct task done;
    while (read(results[0], &done, sizeof done) > 0) {
        unfinished -= 1;
        callback(done.result);
    }
    for (int i = 0; i < worker_count; i++)
        process_join(&workers[i], -1);
}
