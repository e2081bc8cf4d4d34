"""Sends of several sockets in one call of the system, by io_uring where there is one.

A client that is answered by a call of its own wakes up at once, and where it shares the core it has the others wait
for theirs; it costs two changes of task an answer.

Rule 1: nothing waits: what a socket does not take at once is not sent.
Rule 2: without io_uring (old systems, containers that forbid it) every send is a call of its own.
"""

from libc.errno cimport errno
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset
from posix.mman cimport MAP_FAILED, MAP_POPULATE, MAP_SHARED, PROT_READ, PROT_WRITE, mmap, munmap
from posix.unistd cimport close as close_descriptor

cdef extern from "<sys/socket.h>" nogil:
    ssize_t send(int descriptor, const void *data, size_t size, int flags)
    int MSG_DONTWAIT, MSG_NOSIGNAL

cdef extern from "<sys/syscall.h>" nogil:
    long SYS_io_uring_setup "__NR_io_uring_setup"
    long SYS_io_uring_enter "__NR_io_uring_enter"

cdef extern from "<unistd.h>" nogil:
    long syscall(long number, ...)

cdef extern from "<linux/io_uring.h>" nogil:
    struct io_sqring_offsets:
        uint32_t tail, ring_mask, array

    struct io_cqring_offsets:
        uint32_t head, tail, ring_mask, cqes

    struct io_uring_params:
        uint32_t sq_entries, cq_entries, features
        io_sqring_offsets sq_off
        io_cqring_offsets cq_off

    struct io_uring_sqe:
        uint8_t opcode
        int32_t fd
        uint64_t addr
        uint32_t len
        uint32_t msg_flags
        uint64_t user_data

    struct io_uring_cqe:
        uint64_t user_data
        int32_t res

    int IORING_OFF_SQ_RING, IORING_OFF_SQES, IORING_OP_SEND, IORING_ENTER_GETEVENTS
    uint32_t IORING_FEAT_SINGLE_MMAP

cdef extern from *:
    """
    #define fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)
    """
    void fence() nogil


cdef class SendRing:
    """One thread's; where there is no io_uring it has no ring."""

    def __cinit__(self):
        self.descriptor = -1
        self.rings = self.entries = NULL
        self.set_up()

    def __dealloc__(self):
        self.take_down()

    cdef void set_up(self) noexcept:
        cdef io_uring_params parameters
        cdef uint32_t *places
        cdef char *base
        cdef uint32_t i
        memset(&parameters, 0, sizeof(parameters))
        self.descriptor = <int>syscall(SYS_io_uring_setup, <long>SENDS_MAX, &parameters)
        if self.descriptor < 0:
            return
        self.rings_bytes = max(
            parameters.sq_off.array + parameters.sq_entries * sizeof(uint32_t),
            parameters.cq_off.cqes + parameters.cq_entries * sizeof(io_uring_cqe),
        )
        self.entries_bytes = parameters.sq_entries * sizeof(io_uring_sqe)
        self.rings = self.mapped(self.rings_bytes, IORING_OFF_SQ_RING)
        self.entries = self.mapped(self.entries_bytes, IORING_OFF_SQES)
        if self.rings == NULL or self.entries == NULL or not parameters.features & IORING_FEAT_SINGLE_MMAP:
            self.take_down()
            return
        base = <char *>self.rings
        self.submitted_tail = <uint32_t *>(base + parameters.sq_off.tail)
        self.submitted_mask = <uint32_t *>(base + parameters.sq_off.ring_mask)
        self.completed_head = <uint32_t *>(base + parameters.cq_off.head)
        self.completed_tail = <uint32_t *>(base + parameters.cq_off.tail)
        self.completed_mask = <uint32_t *>(base + parameters.cq_off.ring_mask)
        self.completions = base + parameters.cq_off.cqes
        places = <uint32_t *>(base + parameters.sq_off.array)
        for i in range(parameters.sq_entries):
            places[i] = i

    cdef void *mapped(self, size_t size, long offset) noexcept:
        cdef void *found = mmap(
            NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, self.descriptor, offset
        )
        return NULL if found == MAP_FAILED else found

    cdef void take_down(self) noexcept:
        if self.rings != NULL:
            munmap(self.rings, self.rings_bytes)
        if self.entries != NULL:
            munmap(self.entries, self.entries_bytes)
        if self.descriptor >= 0:
            close_descriptor(self.descriptor)
        self.rings = self.entries = NULL
        self.descriptor = -1

    cdef void send_all(self, Sending *sendings, int count) noexcept:
        """Send what each socket takes at once, and note how much that was."""
        cdef int i
        for i in range(count):
            sendings[i].sent = UNSENT
        if count > 1 and self.descriptor >= 0:
            self.submit(sendings, count)
        for i in range(count):
            if sendings[i].sent == UNSENT:
                sendings[i].sent = send_now(sendings[i].descriptor, sendings[i].data, sendings[i].size)

    cdef void submit(self, Sending *sendings, int count) noexcept:
        """Send what the ring takes, which is all of it unless the system is at its limits; then it is given up."""
        cdef uint32_t tail = self.submitted_tail[0]
        cdef io_uring_sqe *entry
        cdef long taken
        cdef int i, missing
        for i in range(count):
            entry = &(<io_uring_sqe *>self.entries)[(tail + i) & self.submitted_mask[0]]
            memset(entry, 0, sizeof(io_uring_sqe))
            entry.opcode = IORING_OP_SEND
            entry.fd = sendings[i].descriptor
            entry.addr = <uint64_t>sendings[i].data
            entry.len = <uint32_t>sendings[i].size
            entry.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL
            entry.user_data = i
        fence()
        self.submitted_tail[0] = tail + count
        taken = self.enter(count, count)
        missing = max(taken, 0) - self.take_completions(sendings)
        while missing > 0:  # sent twice, an answer would be taken for that to the next question
            self.enter(0, missing)
            missing -= self.take_completions(sendings)
        if taken < count:
            self.take_down()

    cdef long enter(self, int submitted, int awaited) noexcept:
        return syscall(
            SYS_io_uring_enter, <long>self.descriptor, <long>submitted, <long>awaited,
            <long>IORING_ENTER_GETEVENTS, NULL, <long>0,
        )

    cdef int take_completions(self, Sending *sendings) noexcept:
        """Note what has been sent: of how many."""
        cdef uint32_t head = self.completed_head[0]
        cdef io_uring_cqe *completion
        cdef int count = 0
        fence()
        while head != self.completed_tail[0]:
            completion = &(<io_uring_cqe *>self.completions)[head & self.completed_mask[0]]
            sendings[completion.user_data].sent = completion.res
            head += 1
            count += 1
        fence()
        self.completed_head[0] = head
        return count


cdef Py_ssize_t send_now(int descriptor, const char *data, Py_ssize_t size) noexcept:
    """What one socket takes at once; negative: the number of the error."""
    cdef Py_ssize_t sent = send(descriptor, data, size, MSG_DONTWAIT | MSG_NOSIGNAL)
    return sent if sent >= 0 else -errno
