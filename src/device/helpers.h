/* Processes that compile for this one, where the driver compiles one program at a time: they fill
 * the disk cache, from which this process then takes what it needs. A line each:
 *
 *     0                       the device's index, once
 *     NAME \t DEFINES         a program; the reply is '1' when it is on disk, else '0' */
#ifndef DEVICE_HELPERS_H
#define DEVICE_HELPERS_H

#include "base/child.h"
#include "device/program.h"

/* How many are worth their start for so many programs that have to be compiled; 0 where there can
 * be none. */
int helpers_worth(const struct ocelli_device *dev, int programs, int processors);

/* Has the helper, which is started first where it is not there ({0}), compile a program; waits.
 * False: of no more use. */
bool helper_compile(struct child *helper, const struct program *p);

#endif
