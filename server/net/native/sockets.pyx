"""The twin of server/net/sockets.py: sockets that are ready are read, served and answered in one callback.

All sockets are in one epoll set, which the event loop sees as one descriptor that can be read. A session at rest is
served here from the bytes that have come to the bytes of the reply; everything else goes to the client's methods.

Rule 5: replies of a round are sent when all that is ready has been served: a client that wakes up on this core would
        have the others wait. So are those of sessions that something in the round has let go on.
Rule 6: rounds follow one another as long as something is ready, up to ROUNDS_MAX; then the loop has its turn.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, strerror
from posix.unistd cimport close as close_descriptor

from server.net.native.send_ring cimport SENDS_MAX, Sending, SendRing, send_now
from server.session.state.native.session_state cimport SessionState
from server.session.native.key_series cimport Output, serve_into

from server.session.blocked import Blocked
from server.session.unfinished import Flushing

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int descriptor, void *data, size_t size, int flags)
    int MSG_DONTWAIT

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        int fd
        uint64_t u64

    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data

    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int operation, int descriptor, epoll_event *event)
    int epoll_wait(int epoll, epoll_event *events, int count_max, int timeout_ms)
    uint32_t EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP
    int EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLL_CLOEXEC

cdef enum:
    HIGH_BYTES = 65536
    LOW_BYTES = 16384
    READ_BYTES = 262144
    READY_MAX = SENDS_MAX  # sockets of a round
    ROUNDS_MAX = 8
    KEPT_OUTPUT_BYTES = 262144  # of the buffer for replies, between rounds
    JOINED_BYTES_MAX = 8192  # what is longer is sent at once, rather than copied


cdef class Sockets:
    """All sockets of one loop."""

    cdef object loop
    cdef readonly object linger
    cdef int epoll
    cdef list by_descriptor
    cdef readonly Py_ssize_t count
    cdef Output output
    cdef char *buffer
    cdef SendRing ring
    cdef Sending replies[READY_MAX]  # of this round
    cdef Py_ssize_t starts[READY_MAX]  # of theirs in the output, which may move
    cdef int reply_count
    cdef bint is_looking
    cdef bint has_answered  # since the loop was last kept awake
    cdef bint is_gathering  # what is written now waits for the round's end
    cdef list soon  # functions, with their arguments, that are to be called in this round

    def __cinit__(self):
        self.epoll = -1
        self.buffer = <char *>PyMem_Malloc(READ_BYTES)
        if self.buffer == NULL:
            raise MemoryError

    def __init__(self, loop, linger):
        self.loop = loop
        self.linger = linger
        self.by_descriptor = []
        self.soon = []
        self.output = Output.__new__(Output)
        self.epoll = epoll_create1(EPOLL_CLOEXEC)
        if self.epoll < 0:
            raise os_error(errno)
        self.ring = SendRing()
        loop.add_reader(self.epoll, self.look)

    def __dealloc__(self):
        PyMem_Free(self.buffer)
        if self.epoll >= 0:
            close_descriptor(self.epoll)

    def add(self, sock, client):
        """Read a socket from now on; it does not block."""
        cdef Socket made = Socket.__new__(Socket)
        made.owner = self
        made.socket = sock
        made.client = client
        made.descriptor = sock.fileno()
        made.watched = EPOLLIN
        made.kept = []
        self.watch(made.descriptor, made)
        self.count += 1
        return made

    def watch(self, int descriptor, found):
        """Call back each time that a descriptor is readable."""
        self.control(EPOLL_CTL_ADD, descriptor, EPOLLIN)
        while len(self.by_descriptor) <= descriptor:
            self.by_descriptor.append(None)
        self.by_descriptor[descriptor] = found

    def unwatch(self, int descriptor):
        """Call nobody back any more."""
        self.by_descriptor[descriptor] = None
        self.control(EPOLL_CTL_DEL, descriptor, 0)

    def call_soon(self, function not None, *arguments):
        """Call back before the replies of this round are sent, and what that writes with them. On the loop's thread."""
        if not self.soon and not self.is_looking:
            self.loop.call_soon(self.look)
        self.soon.append((function, arguments))

    def close(self):
        """The loop ends; no socket is there any more."""
        self.loop.remove_reader(self.epoll)

    cdef int control(self, int operation, int descriptor, uint32_t events) except -1:
        cdef epoll_event event
        event.events = events
        event.data.u64 = 0
        event.data.fd = descriptor
        if epoll_ctl(self.epoll, operation, descriptor, &event) < 0:
            raise os_error(errno)
        return 0

    def look(self):
        """Deal with the sockets that are ready, and with what that leads to."""
        cdef epoll_event ready[READY_MAX]
        cdef int i, count
        self.is_looking = True
        try:
            for _ in range(ROUNDS_MAX):
                count = max(epoll_wait(self.epoll, ready, READY_MAX, 0), 0)
                if not count and not self.soon:
                    return
                for i in range(count):
                    found = self.by_descriptor[ready[i].data.fd]
                    if type(found) is Socket:
                        self.deal(<Socket>found, ready[i].events)
                    elif found is not None:
                        self.call(found, ())
                self.call_all()
                self.send_replies()
        finally:
            self.is_looking = False
            if self.soon:
                self.loop.call_soon(self.look)
            elif self.has_answered:
                self.has_answered = False
                self.linger.begin()

    cdef int call_all(self) except -1:
        """Call what was to be called soon; what this leads to is for the next round."""
        cdef list calls
        if not self.soon:
            return 0
        calls, self.soon = self.soon, []
        self.is_gathering = True
        try:
            for function, arguments in calls:
                self.call(function, <tuple>arguments)
        finally:
            self.is_gathering = False
        return 0

    cdef int call(self, function, tuple arguments) except -1:
        """As the loop calls back: errors are for its handler."""
        try:
            function(*arguments)
        except Exception as error:  # noqa: BLE001 - whoever is called next has nothing to do with it
            self.loop.call_exception_handler({"message": f"error in {function}", "exception": error})
        return 0

    cdef int deal(self, Socket socket, uint32_t events) except -1:
        if events & EPOLLOUT:
            self.send_replies()
            socket.write_kept()
        if socket.watched & EPOLLIN:
            if events & ~EPOLLOUT:
                self.read(socket)
        elif events & (EPOLLERR | EPOLLHUP):
            socket.lose(None)
        return 0

    cdef int read(self, Socket socket) except -1:
        cdef bytes data
        cdef Py_ssize_t size = recv(socket.descriptor, self.buffer, READ_BYTES, MSG_DONTWAIT)
        if size < 0:
            return 0 if is_passing(-errno) else socket.lose(os_error(errno))
        if size == 0:
            socket.close()
            return 0
        data = PyBytes_FromStringAndSize(self.buffer, size)
        client = socket.client
        try:
            session = client.at_rest
            if session is None:
                self.send_replies()
                client.data_received(data)
            else:
                self.serve(socket, session, data)
        except Exception as error:  # noqa: BLE001 - the client tells it and ends
            client.failed(error)
        return 0

    cdef int serve(self, Socket socket, SessionState session, bytes data) except -1:
        """Have the session answer what it can at once."""
        cdef Py_ssize_t start, taken
        if self.reply_count == READY_MAX:
            self.send_replies()
        start = self.output.size
        client = socket.client
        taken = serve_into(session, data, self.output)
        if self.output.size > start:
            self.note_reply(socket, start)
            self.has_answered = True
        if taken < PyBytes_GET_SIZE(data) or session.unfinished is not None:
            self.go_on(session.unfinished, client, data, taken)
        return 0

    cdef int go_on(self, unfinished, client, bytes data, Py_ssize_t taken) except -1:
        """Have the client go on, after the others' replies unless that takes no time."""
        self.is_gathering = type(unfinished) is Flushing or type(unfinished) is Blocked
        if not self.is_gathering:
            self.send_replies()
        try:
            client.go_on(data, taken)
        finally:
            self.is_gathering = False
        return 0

    cdef int join(self, Socket socket, const char *data, Py_ssize_t size) except -1:
        """Send this with the replies of the round."""
        cdef Py_ssize_t start
        if socket.is_due or self.reply_count == READY_MAX:
            self.send_replies()
        start = self.output.size
        memcpy(self.output.reserve(size), data, size)
        return self.note_reply(socket, start)

    cdef int note_reply(self, Socket socket, Py_ssize_t start) except -1:
        """The output from `start` on is for the socket."""
        cdef Sending *reply = &self.replies[self.reply_count]
        if socket.kept:
            return socket.send(self.output.data + start, self.output.size - start)
        self.starts[self.reply_count] = start
        reply.descriptor = socket.descriptor
        reply.size = self.output.size - start
        self.reply_count += 1
        socket.is_due = True
        return 0

    cdef int send_replies(self) except -1:
        """Send what was answered in this round."""
        cdef int i, count = self.reply_count
        cdef Sending *reply
        self.reply_count = 0
        for i in range(count):
            self.replies[i].data = self.output.data + self.starts[i]
            (<Socket>self.by_descriptor[self.replies[i].descriptor]).is_due = False
        self.ring.send_all(self.replies, count)
        for i in range(count):
            reply = &self.replies[i]
            if reply.sent != reply.size:
                (<Socket>self.by_descriptor[reply.descriptor]).keep(reply.data, reply.size, reply.sent)
        self.output.empty(KEPT_OUTPUT_BYTES)
        return 0


cdef class Socket:
    """One client's socket, with the methods of an asyncio transport that a ClientConnection uses."""

    cdef Sockets owner
    cdef object client, socket
    cdef int descriptor
    cdef uint32_t watched
    cdef list kept  # of bytes, of the first of which `kept_start` are sent
    cdef Py_ssize_t kept_start, kept_bytes
    cdef bint closing, lost, paused
    cdef bint is_due  # a reply of this round is for it

    def get_extra_info(self, name):
        """`socket` or `peername`."""
        return self.socket if name == "socket" else self.socket.getpeername()

    def is_closing(self):
        """Whether no more is read or written."""
        return self.closing

    def write(self, bytes data not None):
        """Send, at once if the socket takes it."""
        self.send(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef int send(self, const char *data, Py_ssize_t size) except -1:
        cdef Py_ssize_t sent = 0
        if self.closing or not size:
            return 0
        if self.owner.is_gathering and size <= JOINED_BYTES_MAX and not self.kept:
            return self.owner.join(self, data, size)
        self.send_due()
        if not self.kept:
            sent = send_now(self.descriptor, data, size)
        return self.keep(data, size, sent) if sent != size else 0

    cdef int send_due(self) except -1:
        """Have nothing wait for the round's end any more."""
        return self.owner.send_replies() if self.is_due else 0

    cdef int keep(self, const char *data, Py_ssize_t size, Py_ssize_t sent) except -1:
        """Keep what was not sent; a negative number is that of an error."""
        if sent < 0:
            if not is_passing(sent):
                return self.lose(os_error(-sent))
            sent = 0
        if not self.kept:
            self.kept_start = 0
            self.watch(self.watched | EPOLLOUT)
        self.kept.append(PyBytes_FromStringAndSize(data + sent, size - sent))
        self.kept_bytes += size - sent
        if self.kept_bytes > HIGH_BYTES and not self.paused:
            self.paused = True
            self.client.pause_writing()
        return 0

    cdef int write_kept(self) except -1:
        cdef bytes first
        cdef Py_ssize_t sent
        while self.kept:
            first = self.kept[0]
            sent = send_now(
                self.descriptor, PyBytes_AS_STRING(first) + self.kept_start,
                PyBytes_GET_SIZE(first) - self.kept_start,
            )
            if sent < 0:
                return 0 if is_passing(sent) else self.lose(os_error(-sent))
            self.kept_bytes -= sent
            self.kept_start += sent
            if self.kept_start < PyBytes_GET_SIZE(first):
                break
            self.kept_start = 0
            del self.kept[0]
        if not self.kept:
            if self.closing:
                return self.lose(None)
            self.watch(self.watched & ~EPOLLOUT)
        if self.paused and self.kept_bytes <= LOW_BYTES:
            self.paused = False
            try:
                self.client.resume_writing()
            except Exception as error:  # noqa: BLE001 - the client tells it and ends
                self.client.failed(error)
        return 0

    def pause_reading(self):
        """Read nothing for now."""
        if not self.closing:
            self.watch(self.watched & ~EPOLLIN)

    def resume_reading(self):
        """Read on."""
        if not self.closing:
            self.watch(self.watched | EPOLLIN)

    cdef int watch(self, uint32_t events) except -1:
        if events != self.watched:
            self.watched = events
            self.owner.control(EPOLL_CTL_MOD, self.descriptor, events)
        return 0

    def close(self):
        """Read no more, send what is kept, close."""
        self.send_due()
        if self.closing:
            return
        self.closing = True
        if self.kept:
            self.watch(self.watched & ~EPOLLIN)
        else:
            self.lose(None)

    def abort(self):
        """Close at once."""
        self.lose(None)

    def detach(self):
        """Give the socket away."""
        self.send_due()
        self.leave()
        return self.socket

    cdef int leave(self) except -1:
        cdef Sockets owner = self.owner
        self.closing = self.lost = True
        self.kept.clear()
        self.client = None  # it knows this one as well
        owner.by_descriptor[self.descriptor] = None
        owner.count -= 1
        return owner.control(EPOLL_CTL_DEL, self.descriptor, 0)

    cdef int lose(self, error) except -1:
        self.send_due()
        if self.lost:
            return 0
        client = self.client
        self.leave()
        self.socket.close()
        self.owner.loop.call_soon(client.connection_lost, error)
        return 0


cdef bint is_passing(Py_ssize_t negative) noexcept:
    """Whether it is worth while to try again."""
    return negative == -EAGAIN or negative == -EINTR


cdef object os_error(int number):
    return OSError(number, strerror(number).decode())
