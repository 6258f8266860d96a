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
    event->is_set = false;
    pthread_mutex_unlock(&event->lock);
}

static bool has_come(const struct event *event, unsigned long sets_before)
{
    if (naive)
        return event->is_set;
    return event->is_set || sets_before < event->sets;
}

static bool wait_until_set(struct event *event, long ms)
{
    const unsigned long at_start = event->sets;
    const struct deadline until = deadline_in(ms);
    for (;;) {
        if (has_come(event, at_start))
            return true;
        if (!deadline_cond_wait(&event->changed, &event->lock, until))
            return has_come(event, at_start); /* it may have come at the last moment */
    }
}

static bool event_wait(struct event *event, long ms)
{
    pthread_mutex_lock(&event->lock);
    bool came = wait_until_set(event, ms);
    pthread_mutex_unlock(&event->lock);
    return came;
}
