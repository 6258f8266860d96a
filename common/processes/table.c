#include "processes/table.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct bytes table_bytes(const char *text)
{
    return (struct bytes){(char *)text, strlen(text)};
}

static bool copy_bytes(struct bytes *copy, struct bytes from)
{
    copy->data = malloc(from.length + 1);
    if (!copy->data)
        return false;
    memcpy(copy->data, from.data, from.length);
    copy->length = from.length;
    return true;
}

/* ---- The tree finds, the list keeps the order ------------------------------------------------ */

static int compare(const void *left, const void *right)
{
    const struct bytes *a = left, *b = right;
    int order = memcmp(a->data, b->data, a->length < b->length ? a->length : b->length);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

struct item *table_find(const struct table *table, struct bytes key)
{
    void *found = tfind(&key, &table->tree, compare);
    return found ? *(struct item **)found : NULL;
}

/* The item of this key; a new one, with no value yet, stands last. NULL: out of memory. */
static struct item *find_or_add(struct table *table, struct bytes key)
{
    struct item *item = table_find(table, key);
    if (item)
        return item;
    item = calloc(1, sizeof *item);
    if (!item || !copy_bytes(&item->key, key) || !tsearch(item, &table->tree, compare)) {
        free(item ? item->key.data : NULL);
        free(item);
        return NULL;
    }
    item->previous = table->last;
    *(table->last ? &table->last->next : &table->first) = item;
    table->last = item;
    table->count++;
    return item;
}

void table_remove(struct table *table, struct item *item)
{
    tdelete(item, &table->tree, compare);
    *(item->previous ? &item->previous->next : &table->first) = item->next;
    *(item->next ? &item->next->previous : &table->last) = item->previous;
    table->count--;
    free(item->key.data);
    free(item->value.data);
    free(item);
}

void table_clear(struct table *table)
{
    while (table->last)
        table_remove(table, table->last);
}

/* ---- What can fail is done first ------------------------------------------------------------- */

bool table_set(struct table *table, struct bytes key, struct bytes value)
{
    struct bytes copy;
    if (!copy_bytes(&copy, value))
        return false;
    struct item *item = find_or_add(table, key);
    if (!item) {
        free(copy.data);
        return false;
    }
    free(item->value.data);
    item->value = copy;
    return true;
}

bool table_update(struct table *table, struct table *pairs)
{
    struct item *last = table->last;
    for (struct item *pair = pairs->first; pair; pair = pair->next)
        if (!find_or_add(table, pair->key)) {
            while (table->last != last)
                table_remove(table, table->last);
            return false;
        }
    for (struct item *pair = pairs->first; pair; pair = pair->next) {
        struct item *item = table_find(table, pair->key);
        struct bytes old = item->value;
        item->value = pair->value;
        pair->value = old;
    }
    return true;
}
