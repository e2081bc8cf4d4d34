"""The twin of storage/latch.py.

What it keeps beside the lock is read and written under the GIL: by the thread that has it, and by others to see that
it is not theirs.
"""

from cpython.pythread cimport PyThread_allocate_lock, PyThread_free_lock


cdef class Latch:
    """Use it in a with statement."""

    def __cinit__(self):
        self.lock = PyThread_allocate_lock()
        if self.lock is NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.lock is not NULL:
            PyThread_free_lock(self.lock)

    def acquire(self):
        """Wait until no other thread has it."""
        self.take()

    def release(self):
        """Give it back once; RuntimeError: this thread does not have it."""
        self.give()

    def is_owned(self):
        """Whether this thread has it."""
        return self.count > 0 and self.owner == <unsigned long>PyThread_get_thread_ident()

    def __enter__(self):
        self.take()

    def __exit__(self, *error):
        self.give()
