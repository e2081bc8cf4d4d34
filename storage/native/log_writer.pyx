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
    JOBS_MAX = 64  # storage.log_writer.JOBS_MAX

cdef struct Job:
    int file_descriptor
    int64_t offset
    const char *place
    size_t count
    uint64_t end_lsn


cdef class LogWriter:
    """Writes what `start` is given. Safe from any thread, as long as one at a time starts."""

    cdef readonly int descriptor
    cdef readonly int error_number
    cdef pthread_mutex_t mutex
    cdef pthread_cond_t written
    cdef sem_t woken  # there is something to write, or to end for
    cdef bint is_asleep  # and was not woken yet
    cdef bint closing
    cdef Job jobs[JOBS_MAX]  # a ring; collected up to `first`, written up to `next`, given up to `last`
    cdef uint64_t first, next, last
    cdef uint64_t writes
    cdef list data  # keeps what the jobs point to

    def __cinit__(self):
        pthread_mutex_init(&self.mutex, NULL)
        pthread_cond_init(&self.written, NULL)
        sem_init(&self.woken, 0, 0)
        self.data = [None] * JOBS_MAX
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def __dealloc__(self):
        sem_destroy(&self.woken)
        pthread_cond_destroy(&self.written)
        pthread_mutex_destroy(&self.mutex)

    @property
    def is_idle(self):
        """Whether all that was given is written, and collected."""
        return self.first == self.last

    @property
    def has_room(self):
        """Whether `start` may be called."""
        return self.last - self.first < JOBS_MAX

    def start(self, int file_descriptor, int64_t offset, bytes data not None, uint64_t end_lsn):
        """Have all of data written there, durably, behind what was given before; there must be room for that."""
        cdef Job *job
        cdef bint wakes
        assert self.last - self.first < JOBS_MAX, "too much was given"
        job = &self.jobs[self.last % JOBS_MAX]
        self.data[self.last % JOBS_MAX] = data
        job.file_descriptor = file_descriptor
        job.offset = offset
        job.place = PyBytes_AS_STRING(data)
        job.count = PyBytes_GET_SIZE(data)
        job.end_lsn = end_lsn
        pthread_mutex_lock(&self.mutex)
        self.last += 1
        wakes = self.is_asleep
        self.is_asleep = False
        pthread_mutex_unlock(&self.mutex)
        if wakes:
            sem_post(&self.woken)

    def wait(self):
        """Until the write is done that is under way, if there is one."""
        cdef uint64_t writes
        with nogil:
            pthread_mutex_lock(&self.mutex)
            writes = self.writes
            while self.is_wanted() and self.writes == writes:
                pthread_cond_wait(&self.written, &self.mutex)
            pthread_mutex_unlock(&self.mutex)

    def collect(self):
        """The LSN up to which the log was written since the last call; 0: no write is done. Only one caller gets it.

        Reads the descriptor. What was given before an error is never collected.
        """
        cdef uint64_t count, first, next
        cdef uint64_t end_lsn = 0
        read(self.descriptor, &count, 8)
        pthread_mutex_lock(&self.mutex)
        first = self.first
        next = self.next
        if first != next:
            end_lsn = self.jobs[(next - 1) % JOBS_MAX].end_lsn
            self.first = next
        pthread_mutex_unlock(&self.mutex)
        while first != next:
            self.data[first % JOBS_MAX] = None
            first += 1
        return end_lsn

    def run(self):
        """The thread: write until `stop`."""
        with nogil:
            self.write_all()

    def stop(self):
        """Let the thread end after what is under way."""
        pthread_mutex_lock(&self.mutex)
        self.closing = True
        pthread_mutex_unlock(&self.mutex)
        sem_post(&self.woken)

    cdef bint is_wanted(self) noexcept nogil:
        return not self.error_number and self.next != self.last

    cdef void write_all(self) noexcept nogil:
        cdef uint64_t one = 1, end
        cdef int error_number
        pthread_mutex_lock(&self.mutex)
        while True:
            while not self.is_wanted():
                if self.closing:
                    pthread_mutex_unlock(&self.mutex)
                    return
                self.is_asleep = True
                pthread_mutex_unlock(&self.mutex)
                sem_wait(&self.woken)  # it may also be a signal that came
                pthread_mutex_lock(&self.mutex)
            end = self.last
            pthread_mutex_unlock(&self.mutex)
            error_number = self.write_from(self.next, &end)
            pthread_mutex_lock(&self.mutex)
            if error_number:
                self.error_number = error_number
            else:
                self.next = end
            self.writes += 1
            pthread_cond_broadcast(&self.written)
            pthread_mutex_unlock(&self.mutex)
            write(self.descriptor, &one, 8)
            pthread_mutex_lock(&self.mutex)

    cdef int write_from(self, uint64_t first, uint64_t *end) noexcept nogil:
        """Write the jobs that lie one behind the other; where they end, if that is before `end`. 0, or an error."""
        cdef iovec parts[JOBS_MAX]
        cdef Job *job = &self.jobs[first % JOBS_MAX]
        cdef int file_descriptor = job.file_descriptor, count = 0
        cdef int64_t offset = job.offset, behind = job.offset
        cdef uint64_t place = first
        while place != end[0]:
            job = &self.jobs[place % JOBS_MAX]
            if job.file_descriptor != file_descriptor or job.offset != behind:
                end[0] = place
                break
            parts[count].iov_base = <void *>job.place
            parts[count].iov_len = job.count
            behind += job.count
            count += 1
            place += 1
        return write_parts(file_descriptor, parts, count, offset)


cdef int write_parts(int file_descriptor, iovec *parts, int count, int64_t offset) noexcept nogil:
    """0, or the number of the error."""
    cdef ssize_t written
    while count:
        if not parts.iov_len:
            parts += 1
            count -= 1
            continue
        written = pwritev2(file_descriptor, parts, count, offset, RWF_DSYNC)
        if written < 0:
            if errno == EINTR:
                continue
            return errno if errno else EIO
        if written == 0:
            return EIO
        offset += written
        while count and <size_t>written >= parts.iov_len:
            written -= parts.iov_len
            parts += 1
            count -= 1
        if count:
            parts.iov_base = <char *>parts.iov_base + written
            parts.iov_len -= written
    return 0
