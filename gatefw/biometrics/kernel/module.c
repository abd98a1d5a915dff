/* gatefw.biometrics._kernel: the search for Python, over anything with a buffer. Lengths are checked here: a wrong one
   raises ValueError and touches no memory. The interpreter's lock is released while rows are read. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "kernel.h"

enum { ROWS, PLANE, SLACK, NORMS, FLOORS, LABELS, QUERIES, LEAST, SCORES, FOUND, BUFFERS };

typedef struct {
    Py_buffer view[BUFFERS];
    int held[BUFFERS];
    gf_gallery gallery;
    Py_ssize_t begin, end;
    const char *path;
    double sigma;
    int nq, k;
} call;

static int take(call *c, int which, PyObject *object, int flags, Py_ssize_t bytes, const char *name) {
    if (object == Py_None && which >= PLANE && which <= FLOORS)
        return 1;
    if (PyObject_GetBuffer(object, &c->view[which], flags) < 0)
        return 0;
    c->held[which] = 1;
    if (c->view[which].len >= bytes)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s: %zd bytes, %zd are wanted", name, c->view[which].len, bytes);
    return 0;
}

static void release(call *c) {
    for (int i = 0; i < BUFFERS; i++)
        if (c->held[i])
            PyBuffer_Release(&c->view[i]);
}

static int aligned(const call *c) {
    if ((uintptr_t)c->view[ROWS].buf % 64 == 0 && (uintptr_t)c->view[PLANE].buf % 64 == 0)
        return 1;
    PyErr_SetString(PyExc_ValueError, "rows and plane begin at a multiple of 64 bytes");
    return 0;
}

/* (rows, plane, slack, norms, floors, labels, count, width, step, unit, begin, end, queries, nq, least, k, path, sigma, scores,
   found): everything either search is told. */
static int parse(PyObject *args, call *c) {
    PyObject *object[BUFFERS];
    Py_ssize_t count;
    int width, step;
    float unit;
    if (!PyArg_ParseTuple(args, "OOOOOOniifnnOiOisdOO", &object[ROWS], &object[PLANE], &object[SLACK], &object[NORMS],
                          &object[FLOORS], &object[LABELS], &count, &width, &step, &unit, &c->begin, &c->end, &object[QUERIES], &c->nq,
                          &object[LEAST], &c->k, &c->path, &c->sigma, &object[SCORES], &object[FOUND]))
        return 0;
    if (count < 0 || count > INT32_MAX || width < 64 || width > GF_WIDTH || width % 64 || step < 1 || step > 17 ||
        !(unit > 0) || c->nq < 1 || c->nq > GF_QUERIES || c->k < 0 || c->begin < 0 || c->begin % 16 ||
        c->end > count || (object[PLANE] == Py_None) != (object[SLACK] == Py_None) ||
        (object[NORMS] == Py_None) != (object[FLOORS] == Py_None)) {
        PyErr_SetString(PyExc_ValueError, "a number is out of its range; see kernel.h");
        return 0;
    }
    Py_ssize_t blocks = (count + 15) / 16 * 16, results = (Py_ssize_t)c->nq * c->k * 4;
    int read = PyBUF_SIMPLE, write = PyBUF_SIMPLE | PyBUF_WRITABLE;
    if (!take(c, ROWS, object[ROWS], read, count * width, "rows") ||
        !take(c, PLANE, object[PLANE], read, blocks * width / 2, "plane") ||
        !take(c, SLACK, object[SLACK], read, blocks, "slack") ||
        !take(c, NORMS, object[NORMS], read, blocks * 4, "norms") ||
        !take(c, FLOORS, object[FLOORS], read, blocks / 4, "floors") ||
        !take(c, LABELS, object[LABELS], read, count * 4, "labels") ||
        !take(c, QUERIES, object[QUERIES], read, (Py_ssize_t)c->nq * width, "queries") ||
        !take(c, LEAST, object[LEAST], read, (Py_ssize_t)c->nq * 4, "least") ||
        !take(c, SCORES, object[SCORES], write, results, "scores") ||
        !take(c, FOUND, object[FOUND], write, results, "found") || !aligned(c))
        return 0;
    c->gallery = (gf_gallery){c->view[ROWS].buf,   c->view[PLANE].buf,  c->view[SLACK].buf, c->view[NORMS].buf,
                              c->view[FLOORS].buf, c->view[LABELS].buf, count, width, step, unit};
    return 1;
}

static PyObject *wrong(void) {
    PyErr_Format(PyExc_ValueError, "no such path here, or too much asked for; there are %s", gf_paths());
    return NULL;
}

static PyObject *search(PyObject *module, PyObject *args) {
    call c = {.path = ""};
    PyObject *result = NULL;
    (void)module;
    if (parse(args, &c)) {
        int64_t rescored = 0;
        int status;
        Py_BEGIN_ALLOW_THREADS
        status = gf_search(&c.gallery, c.begin, c.end, c.view[QUERIES].buf, c.nq, c.view[LEAST].buf, c.k, c.path,
                           (float)c.sigma, c.view[SCORES].buf, c.view[FOUND].buf, &rescored);
        Py_END_ALLOW_THREADS
        result = status < 0 ? wrong() : PyLong_FromLongLong(rescored);
    }
    release(&c);
    return result;
}

static PyObject *within(PyObject *module, PyObject *args) {
    call c = {.path = ""};
    PyObject *result = NULL;
    (void)module;
    if (parse(args, &c)) {
        int64_t rescored = 0, count;
        Py_BEGIN_ALLOW_THREADS
        count = gf_within(&c.gallery, c.begin, c.end, c.view[QUERIES].buf, *(const int32_t *)c.view[LEAST].buf, c.path,
                          c.k, c.view[SCORES].buf, c.view[FOUND].buf, &rescored);
        Py_END_ALLOW_THREADS
        result = count < 0 ? wrong() : Py_BuildValue("LL", (long long)count, (long long)rescored);
    }
    release(&c);
    return result;
}

/* (rows, first, count, width, step, unit, plane, slack) */
static PyObject *pack(PyObject *module, PyObject *args) {
    call c = {.path = ""};
    PyObject *rows, *plane, *slack, *result = NULL;
    Py_ssize_t first, count;
    int width, step;
    float unit;
    (void)module;
    if (!PyArg_ParseTuple(args, "OnniifOO", &rows, &first, &count, &width, &step, &unit, &plane, &slack))
        return NULL;
    if (first < 0 || count < 0 || first > INT32_MAX || count > INT32_MAX || width < 64 || width > GF_WIDTH ||
        width % 64 || step < 1 || step > 17 || !(unit > 0)) {
        PyErr_SetString(PyExc_ValueError, "a number is out of its range; see kernel.h");
        return NULL;
    }
    Py_ssize_t blocks = (first + count + 15) / 16 * 16;
    int write = PyBUF_SIMPLE | PyBUF_WRITABLE;
    if (take(&c, ROWS, rows, PyBUF_SIMPLE, (first + count) * width, "rows") &&
        take(&c, PLANE, plane, write, blocks * width / 2, "plane") && take(&c, SLACK, slack, write, blocks, "slack")) {
        int64_t beyond;
        Py_BEGIN_ALLOW_THREADS
        beyond = gf_pack(c.view[ROWS].buf, first, count, width, step, unit, c.view[PLANE].buf, c.view[SLACK].buf);
        Py_END_ALLOW_THREADS
        result = PyLong_FromLongLong(beyond);
    }
    release(&c);
    return result;
}

/* (rows, count, width, step) */
static PyObject *residual(PyObject *module, PyObject *args) {
    call c = {.path = ""};
    PyObject *rows, *result = NULL;
    Py_ssize_t count;
    int width, step;
    (void)module;
    if (!PyArg_ParseTuple(args, "Onii", &rows, &count, &width, &step))
        return NULL;
    if (count < 0 || count > INT32_MAX || width < 64 || width > GF_WIDTH || step < 1 || step > 17) {
        PyErr_SetString(PyExc_ValueError, "a number is out of its range; see kernel.h");
        return NULL;
    }
    if (take(&c, ROWS, rows, PyBUF_SIMPLE, count * width, "rows"))
        result = PyFloat_FromDouble(gf_residual(c.view[ROWS].buf, count, width, step));
    release(&c);
    return result;
}

/* (bytes, path) */
static PyObject *read_all(PyObject *module, PyObject *args) {
    call c = {.path = ""};
    PyObject *bytes, *result = NULL;
    (void)module;
    if (!PyArg_ParseTuple(args, "Os", &bytes, &c.path))
        return NULL;
    if (take(&c, ROWS, bytes, PyBUF_SIMPLE, 0, "bytes")) {
        uint64_t sum;
        Py_BEGIN_ALLOW_THREADS
        sum = gf_read(c.view[ROWS].buf, c.view[ROWS].len, c.path);
        Py_END_ALLOW_THREADS
        result = PyLong_FromUnsignedLongLong(sum);
    }
    release(&c);
    return result;
}

static PyObject *paths(PyObject *module, PyObject *args) {
    (void)module;
    (void)args;
    return PyUnicode_FromString(gf_paths());
}

static PyMethodDef METHODS[] = {
    {"search", search, METH_VARARGS, "The k rows with the largest scores, for each query; how many were rescored."},
    {"within", within, METH_VARARGS, "Every row with a score of at least `least`; (how many, how many were rescored)."},
    {"pack", pack, METH_VARARGS, "Write codes and slack; how many rows are farther from their codes than 255 units."},
    {"residual", residual, METH_VARARGS, "How far the worst row is from its codes."},
    {"read", read_all, METH_VARARGS, "The sum of all bytes, by a path: the limit of any scan."},
    {"paths", paths, METH_NOARGS, "The ways to compute that this processor has, best first."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_kernel", "The exact search over int8 rows; see kernel.c.", -1, METHODS, NULL, NULL, NULL,
    NULL,
};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModule_Create(&MODULE); }
