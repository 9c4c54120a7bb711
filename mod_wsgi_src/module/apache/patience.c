/* SPDX-License-Identifier: Apache-2.0 */
#include "patience.h"

#include <poll.h>

#include "apr_strings.h"

#include "../transport/sockets.h"

#define SECOND      ((int64_t)1000000)
#define SLICE_US    (SECOND + SECOND / 2) /* beyond the second that one recv may wait by itself */
#define RECORD_WAIT 50                    /* times 5 ms that the manager has to record an exit */

static int64_t sooner(int64_t a, int64_t b)
{
    return b && b < a ? b : a;
}

static int64_t after(int64_t from_us, int seconds)
{
    return seconds > 0 ? from_us + seconds * SECOND : 0;
}

static int is_ready(const wap_relay *relay)
{
    uint32_t state =
        atomic_load_explicit(&wio_board_process(relay->pool->board, relay->conn->process)->state, memory_order_relaxed);
    return state == WIO_PROCESS_READY;
}

static int is_failed(const wap_relay *relay)
{
    return atomic_load(&wio_board_process(relay->pool->board, relay->conn->process)->state) == WIO_PROCESS_FAILED;
}

/* socket-timeout, else Apache's Timeout. */
static int64_t silence_us(const wap_relay *relay)
{
    int seconds = relay->pool->group->socket_timeout;

    return seconds ? seconds * SECOND : relay->r->server->timeout;
}

int64_t wap_patience_until(const wap_relay *relay)
{
    const wdm_group *group = relay->pool->group;
    int64_t until = sooner(wio_now_us() + SLICE_US, relay->last_us + silence_us(relay));

    if (relay->claimed)
        return until;
    until = sooner(until, after(relay->first_us, group->queue_timeout));
    return is_ready(relay) ? until : sooner(until, after(relay->offered_us, group->connect_timeout));
}

/* Takes the request back. 0 when the daemon has just begun with it. */
static int withdraw(wap_relay *relay)
{
    relay->claimed = !wio_board_withdraw(relay->pool->board, relay->conn->word, relay->id);
    return !relay->claimed;
}

static wap_verdict time_out(wap_relay *relay, const char *what, int64_t us)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, relay->r,
                  MWS(4051) "request %s: daemon group '%s': %s within %d s (%u requests are in "
                            "flight on process %u)",
                  wap_request_id(relay->r), relay->pool->group->name, what, (int)(us / SECOND),
                  wio_board_inflight(relay->pool->board, relay->conn->process), relay->conn->process);
    relay->status = relay->reply.started ? wap_relay_cut(relay) : HTTP_GATEWAY_TIME_OUT;
    return WAP_ENDED;
}

wap_verdict wap_patience_ask(wap_relay *relay)
{
    const wdm_group *group = relay->pool->group;
    int64_t now = wio_now_us(), queue = group->queue_timeout * SECOND, silence = silence_us(relay);

    if (!relay->claimed) {
        int64_t waited = now - relay->offered_us;
        if (is_failed(relay) && withdraw(relay))
            return WAP_REPLAY;
        if (!relay->claimed && queue && now - relay->first_us >= queue && withdraw(relay))
            return time_out(relay, "queue-timeout: no thread was free", queue);
        if (!relay->claimed && !is_ready(relay) && group->connect_timeout &&
            waited >= group->connect_timeout * SECOND && withdraw(relay))
            return WAP_UNAVAILABLE;
    }
    if (silence && now - relay->last_us >= silence) {
        if (!relay->claimed && withdraw(relay))
            return time_out(relay, "socket-timeout: no thread was free", silence);
        return time_out(relay, "socket-timeout: no answer", silence);
    }
    return WAP_GOING_ON;
}

/* --- loss --------------------------------------------------------------------------------------------------------- */

/* Why the daemon ended, which its manager records a moment after the end of file shows. Others may end on the same
 * seat; the claim word tells which one had the request. */
static void explain(const wap_relay *relay, char *text, size_t size)
{
    wio_process *process = wio_board_process(relay->pool->board, relay->conn->process);
    uint32_t runner = wio_board_runner(relay->pool->board, relay->conn->word);

    for (int i = 0; i < RECORD_WAIT; i++) {
        uint32_t pid = atomic_load(&process->exit_pid);
        if (runner ? pid == runner : pid != relay->exits_before) {
            int len = apr_snprintf(text, size, "daemon process %u ", pid);
            wdm_describe_exit(atomic_load(&process->exit_reason), atomic_load(&process->exit_detail), text + len,
                              size - (size_t)len);
            return;
        }
        poll(NULL, 0, 5);
    }
    apr_cpystrn(text, "the daemon closed the connection", size);
}

wap_verdict wap_relay_lost(wap_relay *relay)
{
    int stopping = wap_pools_stopping(), told = wio_board_given_up(relay->pool->board, relay->conn->word);
    char why[128];

    if (wio_board_withdraw(relay->pool->board, relay->conn->word, relay->id))
        return stopping ? WAP_UNAVAILABLE : WAP_REFUSED;

    if (stopping) {
        apr_cpystrn(why, "this Apache process stops", sizeof why);
        relay->r->connection->keepalive = AP_CONN_CLOSE;
    } else if (told) {
        apr_cpystrn(why, "request-timeout", sizeof why);
    } else {
        explain(relay, why, sizeof why);
    }
    ap_log_rerror(APLOG_MARK, stopping || told ? APLOG_INFO : APLOG_ERR, 0, relay->r,
                  MWS(4052) "request %s: lost by daemon group '%s' %s: %s", wap_request_id(relay->r),
                  relay->pool->group->name, relay->reply.started ? "during its response" : "before its response", why);
    relay->status = relay->reply.started ? wap_relay_cut(relay) : told ? HTTP_GATEWAY_TIME_OUT : HTTP_BAD_GATEWAY;
    return WAP_ENDED;
}
