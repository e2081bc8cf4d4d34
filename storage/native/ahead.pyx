"""The twin of storage/ahead.py: pages are faulted in by a thread that knows no interpreter."""

from libc.errno cimport EINTR, errno
from libc.stdint cimport uint64_t
from posix.unistd cimport close, pipe, read, write

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_t:
        pass

    int pthread_create(pthread_t *thread, void *attributes, void *(*run)(void *), void *argument)
    int pthread_join(pthread_t thread, void **result)

cdef extern from "<sys/mman.h>" nogil:
    int madvise(void *address, size_t length, int advice)

cdef enum:
    MADV_POPULATE_WRITE = 23
    SLICE_BYTES = 256 * 1024  # who maps something meanwhile waits for so much

cdef struct Run:
    unsigned char *start
    size_t count


cdef class Ahead:
    """Faults in what is asked for, a run after the other, until it is closed."""

    cdef unsigned char *store
    cdef object kept
    cdef int ends[2]
    cdef pthread_t thread
    cdef bint is_open

    def __init__(self, unsigned char[::1] store):
        self.kept = store
        self.store = &store[0]
        if pipe(self.ends) < 0:
            raise OSError(errno, "no pipe for the thread that faults in pages")
        if pthread_create(&self.thread, NULL, serve, <void *><size_t>self.ends[0]):
            close(self.ends[0])
            close(self.ends[1])
            raise OSError(errno, "no thread that faults in pages")
        self.is_open = True

    def __dealloc__(self):
        self.stop()

    def ask(self, uint64_t offset, uint64_t count):
        """Have a part of the store faulted in; nobody is told when, or whether, it is."""
        cdef Run run
        if self.is_open:
            run.start = self.store + offset
            run.count = count
            write(self.ends[1], &run, sizeof(run))

    def close(self):
        """End the thread, when it has done what it was asked for."""
        self.stop()

    cdef void stop(self):
        cdef void *result
        if self.is_open:
            self.is_open = False
            close(self.ends[1])
            with nogil:
                pthread_join(self.thread, &result)
            close(self.ends[0])


cdef void *serve(void *argument) noexcept nogil:
    """The thread: what it cannot fault in, others will find."""
    cdef int source = <int><size_t>argument
    cdef Run run
    cdef size_t part
    cdef ssize_t size
    while True:
        size = read(source, &run, sizeof(run))
        if size < 0 and errno == EINTR:
            continue
        if size != sizeof(run):
            return NULL
        while run.count:
            part = min(run.count, <size_t>SLICE_BYTES)
            if madvise(run.start, part, MADV_POPULATE_WRITE) < 0:
                break
            run.start += part
            run.count -= part
