static bool take_if_free(struct rlock *lock)
{
    pthread_t me = pthread_self();
    if (lock->count == 0) {
        lock->owner = me;
        lock->count = 1;
        return true;
    }
    if (!pthread_equal(me, lock->owner))
        return false;
    lock->count += 1;
    return true;
}

static int rlock_acquire(struct rlock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    for (;;) {
        if (take_if_free(lock))
            break;
        pthread_cond_wait(&lock->released, &lock->mutex);
    }
    pthread_mutex_unlock(&lock->mutex);
    return 0;
}

static int rlock_try(struct rlock *lock)
{
    int result = EBUSY;
    pthread_mutex_lock(&lock->mutex);
    if (take_if_free(lock))
        result = 0;
    pthread_mutex_unlock(&lock->mutex);
    return result;
}

static int rlock_release(struct rlock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    bool mine = lock->count != 0 && pthread_equal(pthread_self(), lock->owner);
    if (mine)
        lock->count -= 1;
    bool is_free = lock->count == 0;
    pthread_mutex_unlock(&lock->mutex);
    if (!mine)
        return EPERM;
    if (is_free)
        pthread_cond_broadcast(&lock->released);
    return 0;
}
