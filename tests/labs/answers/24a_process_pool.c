static int work(void *unused)
{
    (void)unused;
    process_end_with_parent(SIGKILL);
    close(tasks[1]);
    close(results[0]);
    for (;;) {
        struct task task;
        ssize_t n = read(tasks[0], &task, sizeof task);
        if (n < 0)
            die("read");
        if (n == 0)
            break;
        task.result = function(task.argument);
        if (write(results[1], &task, sizeof task) < 0)
            die("write");
    }
    return EXIT_SUCCESS;
}

static void pool_open(long (*run)(long argument))
{
    function = run;
    if (pipe(tasks) < 0 || pipe(results) < 0)
        die("pipe");
    for (long i = 0; i < worker_count; i++)
        if (!process_start(&workers[i], "worker", work, NULL))
            die("fork");
    close(tasks[0]);
    close(results[1]);
}

static void apply_async(long argument)
{
    struct task task = {.argument = argument, .result = 0};
    if (write(tasks[1], &task, sizeof task) < 0)
        die("write");
    unfinished++;
}

static void pool_close(void)
{
    close(tasks[1]);
}

static void pool_join(void (*callback)(long result))
{
    while (unfinished > 0) {
        struct task task;
        ssize_t n = read(results[0], &task, sizeof task);
        if (n < 0)
            die("read");
        if (n == 0)
            break;
        unfinished--;
        callback(task.result);
    }
    close(results[0]);
    for (long i = 0; i < worker_count; i++)
        process_join(&workers[i], -1);
}
