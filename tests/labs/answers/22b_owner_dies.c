static void check(int error)
{
    if (error == 0)
        return;
    errno = error;
    die("pthread_mutex_init");
}

static void make_lock_and_data(void)
{
    pthread_mutexattr_t how;
    check(pthread_mutexattr_init(&how));
    check(pthread_mutexattr_setrobust(&how,
                                      not_robust ? PTHREAD_MUTEX_STALLED : PTHREAD_MUTEX_ROBUST));
    check(pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED));
    check(pthread_mutex_init(&shared->lock, &how));
    pthread_mutexattr_destroy(&how);
    const int first[4] = {11, 22, 33, 44};
    for (int i = 0; i < 4; i++)
        shared->temp[i] = first[i];
}

/* What was in temp[0] follows from the other three. */
static void repair(void)
{
    say("bob", "undoes the half, and says so with pthread_mutex_consistent");
    shared->temp[0] = SUM - shared->temp[1] - shared->temp[2] - shared->temp[3];
    pthread_mutex_consistent(&shared->lock);
}

static int bob_is_next(void *unused)
{
    (void)unused;
    process_end_with_parent(SIGTERM);
    say("bob", "waits for the lock");
    gate_step();
    const int told = pthread_mutex_lock(&shared->lock);
    say("bob", "has it, and an answer: %s; the sum is %d", answer(told), sum());
    if (told != EOWNERDEAD || no_repair)
        say("bob", "repairs nothing, and unlocks");
    else
        repair();
    pthread_mutex_unlock(&shared->lock);
    return EXIT_SUCCESS;
}

static int carl_comes_later(void *unused)
{
    (void)unused;
    const int told = pthread_mutex_lock(&shared->lock);
    say("carl", "wants the lock: %s; the sum is %d", answer(told), sum());
    if (told != ENOTRECOVERABLE)
        pthread_mutex_unlock(&shared->lock);
    return EXIT_SUCCESS;
}
