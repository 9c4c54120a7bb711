/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "httpd.h"
#include "scoreboard.h"

#include "server_score.h"

void wap_scoreboard_protect(int keep)
{
    uintptr_t begin, end, page = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (!ap_exists_scoreboard_image())
        return;
    begin = (uintptr_t)ap_scoreboard_image->global;
    end = begin + (uintptr_t)ap_calc_scoreboard_size();
    begin &= ~(page - 1); /* the mapping's first bytes are APR's */
    if (keep)
        mprotect((void *)begin, end - begin, PROT_READ);
    else
        munmap((void *)begin, end - begin);
}
