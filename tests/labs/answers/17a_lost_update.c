static void hold(bool wanted)
{
    if (wanted && pthread_mutex_lock(&lock) != 0)
        abort();
}

static void let_go(bool wanted)
{
    if (wanted && pthread_mutex_unlock(&lock) != 0)
        abort();
}

static void add_one_locked(void *unused)
{
    (void)unused;
    turn_lock(thread_name(), "lock", &lock);
    hold(true);
    const long before = number;
    say(thread_name(), "has the lock, reads %ld", before);
    turn_take(thread_name(), "writes %ld, unlocks", before + 1);
    say(thread_name(), "writes %ld, unlocks", before + 1);
    number = before + 1;
    turn_unlock("lock");
    let_go(true);
}

static void add_one_at_once(void *unused)
{
    (void)unused;
    long seen = atomic_load(&number);
    while (!atomic_compare_exchange_weak(&number, &seen, seen + 1))
        continue;
}

static void add_many_locked(void *unused)
{
    (void)unused;
    int left = ADDITIONS;
    while (left-- > 0) {
        hold(true);
        number = number + 1;
        let_go(true);
    }
}

static void add_wait_print(void *unused)
{
    (void)unused;
    hold(!no_lock);
    atomic_fetch_add(&number, 1);
    gate_step();
    if (no_lock)
        gate_wait(TEN);
    poll(NULL, 0, WAIT_MS);
    say("thread", "prints %ld", (long)number);
    let_go(!no_lock);
}
