"""The twin of storage/log_writer.py: its thread never asks for the interpreter's lock between writes."""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport EINTR, EIO, errno
from libc.stdint cimport int64_t, uint64_t
from posix.unistd cimport write

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
    cdef pthread_cond_t changed
    cdef int state
    cdef bint closing
    cdef int error_number
    cdef int file_descriptor
    cdef int64_t offset
    cdef const char *place
    cdef size_t count
    cdef bytes data  # keeps what `place` points to

    def __cinit__(self):
        pthread_mutex_init(&self.mutex, NULL)
        pthread_cond_init(&self.changed, NULL)
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def __dealloc__(self):
        pthread_cond_destroy(&self.changed)
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
        pthread_cond_broadcast(&self.changed)
        pthread_mutex_unlock(&self.mutex)

    def wait(self):
        """Until no write is under way."""
        with nogil:
            pthread_mutex_lock(&self.mutex)
            while self.state == WANTED:
                pthread_cond_wait(&self.changed, &self.mutex)
            pthread_mutex_unlock(&self.mutex)

    def collect(self):
        """Take the end of a write: 0, the number of its error, or -1. Only one caller gets it."""
        cdef int found = NOTHING_DONE
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
        pthread_mutex_lock(&self.mutex)
        self.closing = True
        pthread_cond_broadcast(&self.changed)
        pthread_mutex_unlock(&self.mutex)

    cdef void write_all(self) noexcept nogil:
        cdef uint64_t one = 1
        cdef int error_number
        while True:
            pthread_mutex_lock(&self.mutex)
            while self.state != WANTED and not self.closing:
                pthread_cond_wait(&self.changed, &self.mutex)
            if self.state != WANTED:
                pthread_mutex_unlock(&self.mutex)
                return
            pthread_mutex_unlock(&self.mutex)
            error_number = self.write_job()
            pthread_mutex_lock(&self.mutex)
            self.error_number = error_number
            self.state = WRITTEN
            pthread_cond_broadcast(&self.changed)
            pthread_mutex_unlock(&self.mutex)
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
