static bool take_if_free(struct rlock *lock)
{
    pthread_t me = pthread_self();
    if (lock->count == 0)
        lock->owner = me;
    bool mine = pthread_equal(lock->owner, me) != 0;
    lock->count += mine;
    return mine;
}

static int rlock_acquire(struct rlock *lock)
{
    bool got;
    pthread_mutex_lock(&lock->mutex);
    do {
        got = take_if_free(lock);
        if (!got)
            pthread_cond_wait(&lock->released, &lock->mutex);
    } while (!got);
    pthread_mutex_unlock(&lock->mutex);
    return 0;
}

static int rlock_try(struct rlock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    int result = take_if_free(lock) ? 0 : EBUSY;
    pthread_mutex_unlock(&lock->mutex);
    return result;
}

static int rlock_release(struct rlock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    if (lock->count == 0 || !pthread_equal(lock->owner, pthread_self())) {
        pthread_mutex_unlock(&lock->mutex);
        return EPERM;
    }
    lock->count--;
    bool free_now = lock->count == 0;
    pthread_mutex_unlock(&lock->mutex);
    if (free_now)
        pthread_cond_signal(&lock->released);
    return 0;
}
