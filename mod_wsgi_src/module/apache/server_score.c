/* SPDX-License-Identifier: Apache-2.0 */
#include "server_score.h"

#include "apr_strings.h"
#include "httpd.h"
#include "scoreboard.h"

static int get_server(wpy_score_server *score)
{
    const global_score *global = ap_exists_scoreboard_image() ? ap_get_scoreboard_global() : NULL;
    if (!global)
        return -1;
    score->server_limit = global->server_limit;
    score->thread_limit = global->thread_limit;
    score->generation = global->running_generation;
    score->restart_us = global->restart_time;
    return 0;
}

static void get_process(int process, wpy_score_process *score)
{
    const process_score *found = ap_get_scoreboard_process(process);
    score->pid = found ? (long)found->pid : 0;
    score->generation = found ? found->generation : 0;
    score->quiescing = found && found->quiescing;
}

static char letter(unsigned char status)
{
    static const char letters[SERVER_NUM_STATUS] = {
        [SERVER_DEAD] = '.',       [SERVER_STARTING] = 'S',       [SERVER_READY] = '_',    [SERVER_BUSY_READ] = 'R',
        [SERVER_BUSY_WRITE] = 'W', [SERVER_BUSY_KEEPALIVE] = 'K', [SERVER_BUSY_LOG] = 'L', [SERVER_BUSY_DNS] = 'D',
        [SERVER_CLOSING] = 'C',    [SERVER_GRACEFUL] = 'G',       [SERVER_IDLE_KILL] = 'I'};
    return status < SERVER_NUM_STATUS ? letters[status] : '?';
}

static void get_worker(int process, int worker, wpy_score_worker *score)
{
    worker_score copy;
    ap_copy_scoreboard_worker(&copy, process, worker);
    score->number = copy.thread_num;
    score->generation = copy.generation;
    score->status = letter(copy.status);
    score->access_count = copy.access_count;
    score->bytes_served = (unsigned long long)copy.bytes_served;
    score->start_us = copy.start_time;
    score->stop_us = copy.stop_time;
    score->last_used_us = copy.last_used;
    /* Others write them meanwhile: they may lack their end. */
    apr_cpystrn(score->client, *copy.client64 ? copy.client64 : copy.client,
                *copy.client64 ? sizeof copy.client64 : sizeof copy.client);
    apr_cpystrn(score->request, copy.request, sizeof copy.request);
    apr_cpystrn(score->vhost, copy.vhost, sizeof copy.vhost);
}

const wpy_scoreboard wap_scoreboard = {get_server, get_process, get_worker};
