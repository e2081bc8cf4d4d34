"""The twin of server/libraries.py: libraries are loaded by a thread that knows no interpreter."""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef extern from "<dlfcn.h>" nogil:
    void *dlopen(const char *path, int flags)
    int RTLD_NOW

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_t:
        pass

    int pthread_create(pthread_t *thread, void *attributes, void *(*run)(void *), void *argument)
    int pthread_join(pthread_t thread, void **result)


cdef class Libraries:
    """Shared libraries that are loaded from now on, one after the other."""

    cdef pthread_t thread
    cdef char *paths
    cdef bint runs

    def __init__(self, paths):
        cdef bytes joined = b"".join([path + b"\0" for path in paths]) + b"\0"
        self.paths = <char *>malloc(len(joined))
        if self.paths != NULL:
            memcpy(self.paths, <char *>joined, len(joined))
            self.runs = pthread_create(&self.thread, NULL, load, self.paths) == 0

    def wait(self):
        """Return when all are loaded."""
        if self.runs:
            self.runs = False
            with nogil:
                pthread_join(self.thread, NULL)
        free(self.paths)
        self.paths = NULL


cdef void *load(void *argument) noexcept nogil:
    """Load libraries, each path of which ends with a zero byte, up to an empty path."""
    cdef char *path = <char *>argument
    while path[0]:
        dlopen(path, RTLD_NOW)  # who imports one that cannot be loaded is told
        while path[0]:
            path += 1
        path += 1
    return NULL
