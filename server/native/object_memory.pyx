"""The twin of server/object_memory.py: arenas of the interpreter's allocator, side by side in huge pages.

    | piece | piece | piece | ...    a span: whole huge pages; a piece is an arena
            ^ next                   given in order, given back to the system one by one, never given twice

Rule 1: whoever asks for another size, or when there is no span to be had, is served as before.
Rule 2: nothing here makes an object: an arena is asked for in the middle of making one.
Rule 3: a thread touches the first huge pages before they are used, and changes nothing in them. Who gives a piece back
        waits until it is done.
"""

from libc.stdint cimport uint64_t

from posix.mman cimport MAP_ANONYMOUS, MAP_FAILED, MAP_NORESERVE, MAP_PRIVATE, PROT_READ, PROT_WRITE, mmap, munmap

cdef extern from "<sys/mman.h>" nogil:
    int madvise(void *start, size_t length, int advice)
    int MADV_HUGEPAGE

cdef extern from "Python.h":
    ctypedef struct PyObjectArenaAllocator:
        void *ctx
        void *(*alloc)(void *context, size_t size) noexcept
        void (*free)(void *context, void *arena, size_t size) noexcept

    void PyObject_GetArenaAllocator(PyObjectArenaAllocator *allocator)
    void PyObject_SetArenaAllocator(PyObjectArenaAllocator *allocator)

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_t:
        pass

    int pthread_create(pthread_t *thread, void *attributes, void *(*run)(void *), void *argument)
    int pthread_join(pthread_t thread, void **result)

cdef extern from *:
    """
    /* Has the page that a word lies in from the system. Whoever else writes to the word, before or after, is not
       disturbed: nothing but zero is ever changed, into zero, in one step. */
    static void touch_word(unsigned long long *word) {
        unsigned long long zero = 0;
        __atomic_compare_exchange_n(word, &zero, 0, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
    """
    void touch_word(uint64_t *word) noexcept nogil

cdef enum:
    PIECE_BYTES = 1 << 20
    HUGE_PAGE_BYTES = 2 << 20
    SPAN_BYTES = 32 << 20
    TOUCHED_BYTES = 20 << 20  # what a start fills before its first answer, and a little more
    PAGE_BYTES = 4 << 10

cdef size_t next_piece = 0
cdef size_t span_end = 0
cdef PyObjectArenaAllocator known
known.alloc = NULL
cdef pthread_t toucher
cdef bint is_touching = False


def use_huge_pages():
    """Have later arenas in huge pages; see server/object_memory.py."""
    global is_touching
    cdef PyObjectArenaAllocator ours
    if known.alloc == NULL:
        PyObject_GetArenaAllocator(&known)
        ours.ctx = known.ctx
        ours.alloc = arena
        ours.free = give_back
        if has_another_span():
            is_touching = pthread_create(&toucher, NULL, touch, <void *>next_piece) == 0
        PyObject_SetArenaAllocator(&ours)
    return True


cdef void *arena(void *context, size_t size) noexcept:
    global next_piece
    if size != PIECE_BYTES or (next_piece == span_end and not has_another_span()):
        return known.alloc(context, size)
    next_piece += PIECE_BYTES
    return <void *>(next_piece - PIECE_BYTES)


cdef void give_back(void *context, void *piece, size_t size) noexcept:
    global is_touching
    if is_touching:
        is_touching = False
        pthread_join(toucher, NULL)
    known.free(context, piece, size)  # it is unmapped like any other


cdef void *touch(void *begin) noexcept nogil:
    """Have the first pages of a span cleared by the system."""
    cdef size_t page
    for page in range(TOUCHED_BYTES // PAGE_BYTES):
        touch_word(<uint64_t *>(<size_t>begin + page * PAGE_BYTES))
    return NULL


cdef bint has_another_span() noexcept:
    """Map a span, where it begins and ends with a huge page; false where the system would rather not."""
    global next_piece, span_end
    cdef void *mapped = mmap(
        NULL, SPAN_BYTES + HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0,
    )
    cdef size_t first, begin
    if mapped == MAP_FAILED:
        return False
    first = <size_t>mapped
    begin = (first + HUGE_PAGE_BYTES - 1) & ~<size_t>(HUGE_PAGE_BYTES - 1)
    if madvise(<void *>begin, SPAN_BYTES, MADV_HUGEPAGE) != 0:
        munmap(mapped, SPAN_BYTES + HUGE_PAGE_BYTES)
        return False
    if begin > first:
        munmap(mapped, begin - first)
    if begin < first + HUGE_PAGE_BYTES:
        munmap(<void *>(begin + SPAN_BYTES), first + HUGE_PAGE_BYTES - begin)
    next_piece, span_end = begin, begin + SPAN_BYTES
    return True
