"""The twin of storage/log_writer.py: its thread never asks for the interpreter's lock between writes.

What it waits for is a semaphore: whoever leaves a condition's wait holds its mutex as one that others want, and calls
the kernel to let go of it.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport EINTR, EIO, errno
from libc.stdint cimport int64_t, uint64_t
from posix.unistd cimport read, write

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef struct pthread_cond_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *, void *)
    int pthread_mutex_lock(pthread_mutex_t *)
    int pthread_mutex_unlock(pthread_mutex_t *)
    int pthread_mutex_destroy(pthread_mutex_t *)
    int pthread_cond_init(pthread_cond_t *, void *)
    int pthread_cond_wait(pthread_cond_t *, pthread_mutex_t *)
    int pthread_cond_broadcast(pthread_cond_t *)
    int pthread_cond_destroy(pthread_cond_t *)

cdef extern from "<semaphore.h>" nogil:
    ctypedef struct sem_t:
        pass
    int sem_init(sem_t *, int shared, unsigned int value)
    int sem_wait(sem_t *)
    int sem_post(sem_t *)
    int sem_destroy(sem_t *)

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len
    ssize_t pwritev2(int descriptor, const iovec *parts, int count, int64_t offset, int flags)
    int RWF_DSYNC

cdef enum:
    IDLE = 0
    WANTED = 1
    WRITTEN = 2
    NOTHING_DONE = -1


cdef class LogWriter:
    """Writes what `start` is given. Safe from any thread."""

    cdef readonly int descriptor
    cdef pthread_mutex_t mutex
    cdef pthread_cond_t written
    cdef sem_t woken  # for a write or, without one, to end
    cdef int state
    cdef int error_number
    cdef int file_descriptor
    cdef int64_t offset
    cdef const char *place
    cdef size_t count
    cdef bytes data  # keeps what `place` points to

    def __cinit__(self):
        pthread_mutex_init(&self.mutex, NULL)
        pthread_cond_init(&self.written, NULL)
        sem_init(&self.woken, 0, 0)
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def __dealloc__(self):
        sem_destroy(&self.woken)
        pthread_cond_destroy(&self.written)
        pthread_mutex_destroy(&self.mutex)

    def start(self, int file_descriptor, int64_t offset, bytes data not None):
        """Begin to write all of data there, durably; the last write was collected."""
        assert self.state == IDLE, "a write is under way"
        pthread_mutex_lock(&self.mutex)
        self.data = data
        self.place = PyBytes_AS_STRING(data)
        self.count = PyBytes_GET_SIZE(data)
        self.file_descriptor = file_descriptor
        self.offset = offset
        self.state = WANTED
        pthread_mutex_unlock(&self.mutex)
        sem_post(&self.woken)

    def wait(self):
        """Until no write is under way."""
        with nogil:
            pthread_mutex_lock(&self.mutex)
            while self.state == WANTED:
                pthread_cond_wait(&self.written, &self.mutex)
            pthread_mutex_unlock(&self.mutex)

    def collect(self):
        """Take the end of a write: 0, the number of its error, or -1. Only one caller gets it.

        Reads the descriptor.
        """
        cdef int found = NOTHING_DONE
        cdef uint64_t count
        read(self.descriptor, &count, 8)
        pthread_mutex_lock(&self.mutex)
        if self.state == WRITTEN:
            self.state = IDLE
            found = self.error_number
        pthread_mutex_unlock(&self.mutex)
        if found != NOTHING_DONE:
            self.data = None
        return found

    def run(self):
        """The thread: write until `stop`."""
        with nogil:
            self.write_all()

    def stop(self):
        """Let the thread end after what is under way."""
        sem_post(&self.woken)

    cdef void write_all(self) noexcept nogil:
        cdef uint64_t one = 1
        cdef int error_number
        cdef bint is_wanted
        while True:
            while sem_wait(&self.woken):
                pass  # a signal came
            pthread_mutex_lock(&self.mutex)
            is_wanted = self.state == WANTED
            pthread_mutex_unlock(&self.mutex)
            if not is_wanted:
                return
            error_number = self.write_job()
            pthread_mutex_lock(&self.mutex)
            self.error_number = error_number
            self.state = WRITTEN
            pthread_mutex_unlock(&self.mutex)
            pthread_cond_broadcast(&self.written)
            write(self.descriptor, &one, 8)

    cdef int write_job(self) noexcept nogil:
        """0, or the number of the error."""
        cdef iovec part
        cdef ssize_t written
        cdef int64_t offset = self.offset
        part.iov_base = <void *>self.place
        part.iov_len = self.count
        while part.iov_len:
            written = pwritev2(self.file_descriptor, &part, 1, offset, RWF_DSYNC)
            if written < 0:
                if errno == EINTR:
                    continue
                return errno if errno else EIO
            if written == 0:
                return EIO
            part.iov_base = <char *>part.iov_base + written
            part.iov_len -= written
            offset += written
        return 0
