static void hold(void)
{
    if (pthread_mutex_lock(&lock) != 0)
        abort();
}

static void let_go(void)
{
    if (pthread_mutex_unlock(&lock) != 0)
        abort();
}

static void add_one_locked(void *unused)
{
    (void)unused;
    turn_lock(thread_name(), "lock", &lock);
    hold();
    const long before = number;
    say(thread_name(), "has the lock, reads %ld", before);
    turn_take(thread_name(), "writes %ld, unlocks", before + 1);
    say(thread_name(), "writes %ld, unlocks", before + 1);
    number = before + 1;
    turn_unlock("lock");
    let_go();
}

static void add_one_at_once(void *unused)
{
    (void)unused;
    long seen = atomic_load(&number);
    while (!atomic_compare_exchange_weak(&number, &seen, seen + 1))
        continue;
}

static void add_wait_print(void *unused)
{
    (void)unused;
    hold();
    number = number + 1;
    poll(NULL, 0, WAIT_MS);
    say("thread", "prints %ld", (long)number);
    let_go();
}
