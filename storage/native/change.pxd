from libc.stdint cimport uint8_t, uint32_t, uint64_t

from storage.native.logbuffer cimport LogBuffer

cdef enum PageState:
    DIRTY = 1
    VERIFIED = 2
    WRITTEN = 4
    POPULATED = 8
    UNLOGGED = 16


# Numbers, one behind the other.
cdef struct Words:
    uint64_t *items
    size_t count
    size_t capacity


cdef int push(Words *words, uint64_t item) except -1 nogil


cdef class PageTable:
    cdef readonly object store
    cdef readonly object lsns
    cdef readonly object image_lsns
    cdef readonly object states
    cdef readonly uint64_t page_bytes
    cdef public list dirty
    cdef public list cleared
    cdef public uint64_t redo_lsn
    cdef public uint64_t page_count
    cdef public uint64_t dirty_count_max
    cdef public bint full_page_images
    cdef public object verify
    cdef public object populate
    cdef public bint is_mapped  # the store is memory of the system's: madvise can do what `populate` does
    cdef public object relieve
    cdef int shift
    # The first byte of the store. Read a page only after check_pages(); write only through Change.
    cdef unsigned char *bytes
    cdef uint64_t *lsn_of
    cdef uint64_t *image_lsn_of
    cdef uint8_t *state_of

    cdef int fault_in(self, uint64_t first_page, uint64_t page_count) except -1
    cdef Words redone  # pages that became dirty while is_redoing
    cdef bint is_redoing

    cdef int check_slowly(self, uint64_t first_page, uint64_t page_count) except -1 nogil
    cdef int mark_raw(self, uint64_t address, uint64_t count, uint64_t lsn) except -1 nogil
    # Redo needs the interpreter for little: what became dirty is noted apart until it ends.
    cdef void begin_redo(self) noexcept
    cdef int end_redo(self) except -1

    # Verifies pages at their first touch; raises Corruption.
    cdef inline int check_pages(self, uint64_t first_page, uint64_t page_count) except -1 nogil:
        if page_count == 1 and self.state_of[first_page] & VERIFIED:
            return 0
        return self.check_slowly(first_page, page_count)

    # The bytes at an address within one page, verified.
    cdef inline const unsigned char *at(self, uint64_t address) except NULL:
        self.check_pages(address >> self.shift, 1)
        return self.bytes + address


# Bytes of operations, one behind the other.
cdef struct Operations:
    unsigned char *bytes
    size_t length
    size_t capacity


cdef class Change:
    cdef readonly PageTable table
    cdef readonly LogBuffer log
    cdef public uint64_t xid
    cdef public bint reserved
    cdef readonly bint is_open
    cdef Operations logged
    cdef list imaged
    cdef list commit_callbacks
    cdef list abandon_callbacks
    cdef Operations unlogged

    # What Python callers do by begin(), write(), write_u64(), commit(), without objects.
    cdef int begin_raw(self, uint64_t xid, bint reserved) except -1
    cdef int write_raw(self, uint64_t address, const void *data, uint64_t count) except -1
    cdef int write_word(self, uint64_t address, uint64_t value) except -1
    cdef int fill_raw(self, uint64_t address, uint8_t byte, uint64_t count) except -1
    cdef int copy_raw(
        self, uint64_t source, uint64_t target, uint64_t count, bint source_released
    ) except -1
    cdef uint64_t commit_raw(self) except 0

    cdef int touch(self, uint64_t address, uint64_t count) except -1
    cdef int populate_run(self, uint64_t first_page, uint64_t last_page) except -1
    cdef int touch_page(self, uint64_t page_no) except -1
    cdef int log_image(self, uint64_t page_no) except -1
    cdef int operate(
        self, uint64_t operation, uint64_t address, uint64_t argument,
        const void *operands, size_t count,
    ) except -1
    cdef int close(self) except -1


cdef int redo_raw(
    PageTable table, const unsigned char *data, size_t length, uint64_t start_lsn, uint64_t end_lsn
) except -1 nogil
