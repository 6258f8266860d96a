/* conductor: see conductor.c. */
#ifndef CONDUCTOR_H
#define CONDUCTOR_H

#include "record.h"

#include <stdbool.h>

/* Lets all say their lines who want to say one now. Returns whether any task is left. */
bool conduct(struct records *records);

#endif
