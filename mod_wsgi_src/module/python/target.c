/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "paths.h"
#include "setup.h"

/* Where the file system does not tell case apart, two spellings are one file, and must be one module. */
static wpy_target *find_locked(wpy_interp *interp, const char *path)
{
    int (*differs)(const char *, const char *) = wpy_runtime_config()->python.case_blind ? strcasecmp : strcmp;
    wpy_target *target = interp->targets;
    while (target && differs(target->path, path))
        target = target->next;
    return target;
}

wpy_target *wpy_target_find(wpy_interp *interp, const char *path)
{
    wpy_target *target;
    wpy_table_lock();
    target = find_locked(interp, path);
    wpy_table_unlock();
    return target;
}

wpy_target *wpy_target_get(wpy_interp *interp, const char *path)
{
    wpy_target *target;
    wpy_table_lock();
    target = find_locked(interp, path);
    if (!target && (target = calloc(1, sizeof *target))) {
        target->path = strdup(path);
        if (target->path) {
            target->interp = interp;
            target->next = interp->targets;
            interp->targets = target;
        } else {
            free(target);
            target = NULL;
        }
    }
    wpy_table_unlock();
    return target;
}

void wpy_target_free_all(wpy_interp *interp)
{
    wpy_target *target = interp->targets, *next;
    interp->targets = NULL;
    for (; target; target = next) {
        next = target->next;
        Py_CLEAR(target->globals);
        free(target->path);
        free(target);
    }
}

/* Reads a whole file; NUL terminated memory from malloc. NULL with errno. GIL not held. */
static char *read_file(const char *path, size_t *size, int64_t *mtime_us)
{
    struct stat info;
    char *text = NULL;
    size_t have = 0;
    ssize_t got = -1;
    int64_t mtime = 0;
    int saved, fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (!fstat(fd, &info)) {
        mtime = wpy_path_mtime_us(fd, &info);
        if (S_ISREG(info.st_mode))
            text = malloc((size_t)info.st_size + 1);
        else
            errno = EISDIR;
    }
    while (text && have < (size_t)info.st_size && (got = read(fd, text + have, (size_t)info.st_size - have)) != 0) {
        if (got < 0 && errno != EINTR)
            break;
        have += got > 0 ? (size_t)got : 0;
    }
    saved = errno;
    close(fd);
    errno = saved;
    if (text && got < 0 && info.st_size) {
        free(text);
        return NULL;
    }
    if (text) {
        text[have] = '\0';
        *size = have;
        *mtime_us = mtime;
        if (!*mtime_us) /* as archives are unpacked for builds that can be repeated; 0 means: not loaded */
            *mtime_us = 1;
    }
    return text;
}

/* The path, or what all its spellings have in common. */
static PyObject *path_key(const char *path)
{
    PyObject *bytes = PyBytes_FromString(path), *lower = NULL;
    if (!bytes || !wpy_runtime_config()->python.case_blind)
        return bytes;
    lower = PyObject_CallMethod(bytes, "lower", NULL);
    Py_DECREF(bytes);
    return lower;
}

/* "_mod_wsgi_" and the MD5 of the path. From _md5 and not hashlib: that would bring OpenSSL into the process. */
static PyObject *module_name(const char *path)
{
    PyObject *module = PyImport_ImportModule("_md5"), *hash = NULL, *digits = NULL, *name = NULL;
    PyObject *key = path_key(path);
    if (!module) {
        PyErr_Clear();
        module = PyImport_ImportModule("hashlib");
    }
    if (module && key)
        hash = PyObject_CallMethod(module, "md5", "O", key);
    if (hash)
        digits = PyObject_CallMethod(hash, "hexdigest", NULL);
    if (digits)
        name = PyUnicode_FromFormat("_mod_wsgi_%U", digits);
    Py_XDECREF(digits);
    Py_XDECREF(hash);
    Py_XDECREF(module);
    Py_XDECREF(key);
    return name;
}

static PyObject *compile_script(const char *path, PyObject *file)
{
    int64_t mtime_us;
    size_t size = 0;
    char *text;
    PyObject *code = NULL, *pair;
    PyThreadState *state = PyEval_SaveThread();
    int saved;
    text = read_file(path, &size, &mtime_us);
    saved = errno;
    PyEval_RestoreThread(state);
    if (!text) {
        errno = saved;
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, file);
        return NULL;
    }
    if (memchr(text, '\0', size))
        PyErr_Format(PyExc_SyntaxError, "the script contains a NUL byte: %R", file);
    else
        code = Py_CompileStringObject(text, file, Py_file_input, NULL, -1);
    free(text);
    pair = code ? Py_BuildValue("(NL)", code, (long long)mtime_us) : NULL;
    return pair;
}

/* A fresh module in sys.modules. Borrowed dictionary, or NULL with an exception. */
static PyObject *new_module(PyObject *name, PyObject *file, PyObject *mtime)
{
    PyObject *module = PyModule_NewObject(name), *globals;
    if (!module)
        return NULL;
    globals = PyModule_GetDict(module);
    if (PyDict_SetItemString(globals, "__file__", file) || PyDict_SetItemString(globals, "__mtime__", mtime) ||
        PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) ||
        PyObject_SetItem(PyImport_GetModuleDict(), name, module))
        globals = NULL;
    Py_DECREF(module);
    return globals;
}

static void forget_module(PyObject *name)
{
    PyObject *error = wpy_take_exception();
    if (PyObject_DelItem(PyImport_GetModuleDict(), name))
        PyErr_Clear();
    wpy_put_exception(error);
}

static void set_globals(wpy_target *target, PyObject *globals)
{
    PyObject *old;
    WPY_GIL_MUTEX_LOCK(&target->guard);
    old = target->globals;
    target->globals = globals;
    WPY_GIL_MUTEX_UNLOCK(&target->guard);
    Py_XDECREF(old);
}

PyObject *wpy_target_globals(wpy_target *target)
{
    PyObject *globals;
    WPY_GIL_MUTEX_LOCK(&target->guard);
    globals = target->globals;
    Py_XINCREF(globals);
    WPY_GIL_MUTEX_UNLOCK(&target->guard);
    return globals;
}

static int execute(wpy_target *target)
{
    PyObject *file = PyUnicode_DecodeFSDefault(target->path);
    PyObject *name = file ? module_name(target->path) : NULL;
    PyObject *code = name ? compile_script(target->path, file) : NULL;
    PyObject *globals = code ? new_module(name, file, PyTuple_GET_ITEM(code, 1)) : NULL;
    PyObject *result = NULL;
    if (globals) {
        Py_INCREF(globals);
        result = PyEval_EvalCode(PyTuple_GET_ITEM(code, 0), globals, globals);
        if (result) {
            set_globals(target, wpy_new_ref(globals));
            atomic_store(&target->mtime_us, PyLong_AsLongLong(PyTuple_GET_ITEM(code, 1)));
        } else {
            forget_module(name);
        }
        Py_DECREF(globals);
    }
    if (!result) {
        set_globals(target, NULL);
        atomic_store(&target->mtime_us, 0);
    }
    Py_XDECREF(code);
    Py_XDECREF(name);
    Py_XDECREF(file);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static int is_loaded(const wpy_target *target, int64_t mtime_us)
{
    int64_t loaded_us = atomic_load_explicit(&target->mtime_us, memory_order_acquire);
    return loaded_us && (!mtime_us || loaded_us == mtime_us);
}

static int load(wpy_target *target, int64_t mtime_us, int again)
{
    PyThreadState *state = PyEval_SaveThread();
    int result = 0;
    pthread_mutex_lock(&target->interp->load);
    PyEval_RestoreThread(state);
    if (again || !is_loaded(target, mtime_us)) {
        wpy_runtime_note_load();
        result = execute(target);
        wpy_runtime_note_loaded(!result);
    }
    pthread_mutex_unlock(&target->interp->load);
    return result;
}

int wpy_target_load(wpy_target *target, int64_t mtime_us)
{
    return is_loaded(target, mtime_us) ? 0 : load(target, mtime_us, 0);
}

int wpy_target_reload(wpy_target *target)
{
    return load(target, 0, 1);
}
