/* SPDX-License-Identifier: MIT */
/* The runtime's public interface in one include. */
#ifndef AKIDA_AKIDA_H
#define AKIDA_AKIDA_H

#include "data.h"
#include "device.h"
#include "learn.h"
#include "model.h"
#include "program.h"
#include "run.h"
#include "stats.h"
#include "status.h"
#include "version.h"

#endif
