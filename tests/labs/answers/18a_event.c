static void event_set(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    event->sets += 1;
    event->is_set = true;
    pthread_cond_broadcast(&event->changed);
    pthread_mutex_unlock(&event->lock);
}

static void event_clear(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    if (event->is_set)
        event->is_set = false;
    pthread_mutex_unlock(&event->lock);
}

static bool has_come(const struct event *event, unsigned long sets_before)
{
    if (event->is_set)
        return true;
    if (naive)
        return false;
    return event->sets > sets_before;
}

static bool wait_until_set(struct event *event, long ms)
{
    const unsigned long then = event->sets;
    struct deadline end = deadline_in(ms);
    for (;;) {
        if (has_come(event, then))
            return true;
        if (ms == 0)
            return false;
        if (!deadline_cond_wait(&event->changed, &event->lock, end))
            return has_come(event, then);
    }
}

static bool event_wait(struct event *event, long ms)
{
    bool result;
    pthread_mutex_lock(&event->lock);
    result = wait_until_set(event, ms);
    pthread_mutex_unlock(&event->lock);
    return result;
}
