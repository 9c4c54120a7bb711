/* SPDX-License-Identifier: Apache-2.0 */
/* Read before each source that is compiled as on Solaris. pyconfig.h asks for everything that glibc has, so it is read
 * first and its wish taken back; a source that names a GNU call then fails. */
#ifdef STUB_PYCONFIG
#include <pyconfig.h>
#endif
#undef _GNU_SOURCE
#undef _DEFAULT_SOURCE
#undef _POSIX_C_SOURCE
#undef _XOPEN_SOURCE
#undef _XOPEN_SOURCE_EXTENDED
#undef __EXTENSIONS__
#define _XOPEN_SOURCE 700 /* of what glibc has, that is what __EXTENSIONS__ shows there */
#define __EXTENSIONS__

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/types.h>

/* And this, beyond POSIX. */
#define MAP_ANON      0x20
#define MAP_ANONYMOUS MAP_ANON

typedef struct {
    const char *dli_fname;
    void *dli_fbase;
    const char *dli_sname;
    void *dli_saddr;
} Dl_info;
int dladdr(void *address, Dl_info *info);
int chroot(const char *path);
int initgroups(const char *user, gid_t group);
int setgroups(int count, const gid_t *groups);
