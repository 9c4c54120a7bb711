/* SPDX-License-Identifier: Apache-2.0 */
/* What Python's headers ask about 64 bit Windows. */
#ifndef Py_PYCONFIG_H
#define Py_PYCONFIG_H

#define MS_WIN32
#define MS_WIN64
#define MS_WINDOWS
#define NT_THREADS          1
#define HAVE_DECLSPEC_DLL   1
#define Py_ENABLE_SHARED    1
#define WITH_DOC_STRINGS    1
#define WITH_PYMALLOC       1
#define WITH_THREAD         1
#define STDC_HEADERS        1
#define HAVE_ERRNO_H        1
#define HAVE_STDDEF_H       1
#define HAVE_STDINT_H       1
#define HAVE_SYS_STAT_H     1
#define HAVE_SYS_TYPES_H    1
#define HAVE_WCHAR_H        1
#define SIZEOF_SHORT        2
#define SIZEOF_INT          4
#define SIZEOF_LONG         4 /* the trap of this system */
#define SIZEOF_LONG_LONG    8
#define SIZEOF_SIZE_T       8
#define SIZEOF_VOID_P       8
#define SIZEOF_TIME_T       8
#define SIZEOF_OFF_T        8
#define SIZEOF_FPOS_T       8
#define SIZEOF_FLOAT        4
#define SIZEOF_DOUBLE       8
#define SIZEOF_WCHAR_T      2
#define ALIGNOF_SIZE_T      8
#define ALIGNOF_MAX_ALIGN_T 16

#endif
