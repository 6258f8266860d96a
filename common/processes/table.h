/* table: a dictionary in memory, whose order is that of insertion.
 * Introduced by lesson 23.
 *
 * The keys and values of a table are copies, which it owns. {0} is an empty table. No lock is
 * taken: whoever shares a table between threads has one.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>

/* Any bytes, NUL among them. */
struct bytes {
    char *data;
    size_t length;
};

struct item {
    struct bytes key, value;      /* the key first: an item is taken for its key */
    struct item *previous, *next; /* in the order of insertion, as Python keeps it */
};

struct table {
    void *tree; /* tsearch(3) finds an item by its key */
    struct item *first, *last;
    size_t count;
};

/* The bytes of a text, without its NUL; they are the text's own. str.encode */
struct bytes table_bytes(const char *text);

/* The item of this key, which the table owns; NULL: there is none. key in table, table[key] */
struct item *table_find(const struct table *table, struct bytes key);

/* Copies both into the table. A new key stands last, a known one keeps its place. Returns false,
 * and the table is as before, when there is no memory. table[key] = value */
bool table_set(struct table *table, struct bytes key, struct bytes value);

/* Sets all of the pairs, or none: returns false, and the table is as before, when there is no
 * memory. The values that are replaced end up in pairs, which the caller clears.
 * table.update(pairs) */
bool table_update(struct table *table, struct table *pairs);

/* Takes an item that table_find gave out of the table, and frees it. del table[key] */
void table_remove(struct table *table, struct item *item);

/* Frees all that is in the table; it is empty then, and can be used again. table.clear() */
void table_clear(struct table *table);

#endif
