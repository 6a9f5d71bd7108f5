/* SPDX-License-Identifier: MIT */
/* The one version string; module, pkg-config and tools derive from it. */
#ifndef AKIDA_VERSION_H
#define AKIDA_VERSION_H

#define AKIDA_VERSION_MAJOR 0
#define AKIDA_VERSION_MINOR 1
#define AKIDA_VERSION_PATCH 0
#define AKIDA_VERSION "0.1.0"

/* Before every public function: visible outside the library, and with C linkage for C++ programs. */
#if defined(AKIDA_BUILD)
#define AKIDA_API __attribute__((visibility("default")))
#elif defined(__cplusplus)
#define AKIDA_API extern "C"
#else
#define AKIDA_API
#endif

#endif
