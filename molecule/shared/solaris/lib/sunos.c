// SPDX-License-Identifier: Apache-2.0
/* Preloaded into Ansible's interpreter alone: uname(2) answers as Oracle Solaris 11.4. What it runs sees the truth again,
 * or a build would look for the linker of Solaris. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

__attribute__((constructor)) static void for_this_process_alone(void)
{
    unsetenv("LD_PRELOAD");
}

int uname(struct utsname *name)
{
    int (*real)(struct utsname *) = (int (*)(struct utsname *))dlsym(RTLD_NEXT, "uname");
    int result = real(name);

    if (result == 0) {
        strcpy(name->sysname, "SunOS");
        strcpy(name->release, "5.11");
        strcpy(name->version, "11.4.0.15.0");
        strcpy(name->machine, "i86pc");
    }
    return result;
}
