/* SPDX-License-Identifier: Apache-2.0 */
#include "send.h"

#include <stdio.h>

#include "../transport/frame.h"
#include "measure.h"
#include "setup.h"

size_t wpy_send_admit(wpy_call *call, size_t len)
{
    if (call->bodyless)
        return 0;
    if (call->content_length >= 0 && (int64_t)len > call->content_length - call->sent) {
        len = (size_t)(call->content_length - call->sent);
        call->surplus = 1;
    }
    call->sent += (int64_t)len;
    if (call->measure && len)
        call->measure->output_writes++;
    return len;
}

int wpy_send_declare(wpy_call *call, int64_t length)
{
    char digits[24];
    int len;
    if (call->content_length >= 0 || call->bodyless || call->head_sent)
        return 0;
    len = snprintf(digits, sizeof digits, "%lld", (long long)length);
    if (wio_pair_put(&call->head, 0, "Content-Length", 14, digits, (size_t)len))
        return -1;
    call->fields++;
    call->content_length = length;
    return 0;
}

int wpy_send(wpy_call *call, const struct iovec *blocks, int count, wpy_when when)
{
    if (wpy_runtime_forked())
        call->client_gone = 1;
    if (call->client_gone)
        return -1;
    if (!call->head_sent) {
        call->head_sent = 1;
        wio_response_count(&call->head, 0, call->fields);
        if (call->channel->head(call->channel, call->head.data, call->head.len))
            call->client_gone = 1;
    }
    if (!call->client_gone && count) {
        int64_t since_us = wpy_measure_now(call);
        if (call->channel->body(call->channel, blocks, count, when))
            call->client_gone = 1;
        wpy_measure_write(call, since_us);
    }
    return call->client_gone ? -1 : 0;
}

int wpy_send_block(wpy_call *call, PyObject *bytes)
{
    struct iovec block = {PyBytes_AS_STRING(bytes), 0};
    PyThreadState *state;
    int result = 0;
    if (wpy_call_take(call))
        return -1;
    block.iov_len = wpy_send_admit(call, (size_t)PyBytes_GET_SIZE(bytes));
    if (block.iov_len || !call->head_sent) {
        state = PyEval_SaveThread();
        result = wpy_send(call, &block, block.iov_len ? 1 : 0, WPY_NOW);
        wpy_measure_resume(call, state);
    } else if (call->client_gone) {
        result = -1;
    }
    wpy_call_give(call);
    if (result)
        PyErr_SetString(PyExc_OSError, "the client is gone");
    return result;
}
