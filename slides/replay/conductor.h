/* conductor: see conductor.c. */
#ifndef CONDUCTOR_H
#define CONDUCTOR_H

#include "record.h"

#include <stdbool.h>

/* Lets everybody who wants to go on do so, one by one. Returns whether any task is left. */
bool conduct(struct records *records);

#endif
