#ifndef CUSTODE_CLIBEXPAT_SHIM_H
#define CUSTODE_CLIBEXPAT_SHIM_H

/* As CLinux has it: the same header is to be the same in both modules. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <expat.h>

#endif
