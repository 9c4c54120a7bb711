/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts: loaded once per interpreter as a module named after the path, loaded again when the file changed. */
#ifndef WSGI_PYTHON_TARGET_H
#define WSGI_PYTHON_TARGET_H

#include "interpreters.h"

struct wpy_target {
    wpy_target *next;
    wpy_interp *interp;
    char *path;
    atomic_llong mtime_us; /* of the file that was executed; 0: nothing is loaded */
    PyObject *globals;     /* the module's dictionary, or NULL; under the GIL and guard */
    wpy_gil_mutex guard;
};

/* The record for a script in an interpreter, made when there is none. NULL out of memory. GIL not held. */
wpy_target *wpy_target_get(wpy_interp *interp, const char *path);
/* The same, but never makes one. */
wpy_target *wpy_target_find(wpy_interp *interp, const char *path);

/* Loads the script when it is not loaded, or when mtime_us is not 0 and not that of the loaded file. A load that fails
 * leaves nothing behind. 0; -1 with an exception. GIL held with a state of target->interp; dropped while another thread
 * loads. */
int wpy_target_load(wpy_target *target, int64_t mtime_us);

/* Loads the script again, whatever its file's time. The same. */
int wpy_target_reload(wpy_target *target);

/* The dictionary of the loaded module, a new reference; NULL: nothing is loaded, or no longer, since another thread
 * failed to load it again. GIL held with a state of target->interp. */
PyObject *wpy_target_globals(wpy_target *target);

/* Drops all targets of an interpreter that ends. GIL held with one of its states. */
void wpy_target_free_all(wpy_interp *interp);

#endif
