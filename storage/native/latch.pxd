"""The class of latch.pyx, taken and given back by compiled code."""

from cpython.pythread cimport (
    NOWAIT_LOCK, WAIT_LOCK, PyThread_acquire_lock, PyThread_get_thread_ident, PyThread_release_lock, PyThread_type_lock,
)


cdef class Latch:
    cdef PyThread_type_lock lock
    cdef unsigned long owner  # the thread that has it, if it is had at all
    cdef Py_ssize_t count

    cdef inline int take(self) except -1:
        cdef unsigned long thread = <unsigned long>PyThread_get_thread_ident()
        if self.count and self.owner == thread:
            self.count += 1
            return 0
        if not PyThread_acquire_lock(self.lock, NOWAIT_LOCK):
            with nogil:
                PyThread_acquire_lock(self.lock, WAIT_LOCK)
        self.owner = thread
        self.count = 1
        return 0

    cdef inline int give(self) except -1:
        if not self.count or self.owner != <unsigned long>PyThread_get_thread_ident():
            raise RuntimeError("cannot release un-acquired latch")
        self.count -= 1
        if not self.count:
            PyThread_release_lock(self.lock)
        return 0
