/* SPDX-License-Identifier: Apache-2.0 */
/* What an interpreter gets before application code runs in it. */
#ifndef WSGI_PYTHON_SETUP_H
#define WSGI_PYTHON_SETUP_H

#include "interpreters.h"
#include "runtime.h"

/* The configuration that wpy_start() was given, and the wall clock then. */
const wpy_config *wpy_runtime_config(void);
int64_t wpy_runtime_start_us(void);

/* A script begins to load; it has loaded, or not. GIL either. */
void wpy_runtime_note_load(void);
void wpy_runtime_note_loaded(int well);

/* 1 in a process that an application forked off this one: the client's connection is not its to use. GIL either. */
int wpy_runtime_forked(void);

/* Types, wsgi.errors, sys.path, the standard streams, the modules mod_wsgi and apache, the signal restriction. GIL held
 * with a state of the interpreter. 0; -1 with an exception. */
int wpy_setup(wpy_interp *interp);

/* Drops every object of the record. GIL held likewise. */
void wpy_setup_clear(wpy_interp *interp);

#endif
