#ifndef CUSTODE_CLIBEXPAT_SHIM_H
#define CUSTODE_CLIBEXPAT_SHIM_H

#include <expat.h>

#endif
