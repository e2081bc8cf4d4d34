"""The twin of storage/change.py: the same operations, payload bytes and states, at C speed.

Compiled callers cimport Change and PageTable and use the methods ending in _raw. Laws and format are
told in the original; a test compares the two byte by byte.
"""

import numpy as np

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove, memset

from storage.native.logbuffer cimport LogBuffer

from storage.errors import Corruption

cdef extern from "<sys/mman.h>" nogil:
    int madvise(void *address, size_t length, int advice)

cdef enum:
    MADV_POPULATE_WRITE = 23


cdef enum:
    CHANGE_KIND = 1
    IMAGE = 1
    WRITE = 2
    WRITE_U64 = 3
    FILL = 4
    COPY = 5
    FRESH = 6
    SET_BITS = 7
    CLEAR_BITS = 8

cdef uint64_t ADDRESS_MASK = (<uint64_t>1 << 56) - 1
cdef size_t KEPT_BYTES_MAX = 4 << 20


cdef class PageTable:
    """The store in memory and what is known of each of its pages."""

    def __cinit__(self, store, page_bytes, *, full_page_images=True):
        cdef unsigned char[::1] store_view = store
        cdef uint64_t[::1] words
        cdef uint8_t[::1] small
        page_count_max = len(store) // page_bytes
        self.store = store
        self.page_bytes = page_bytes
        self.shift = page_bytes.bit_length() - 1
        assert 1 << self.shift == page_bytes
        self.lsns = np.zeros(page_count_max, dtype=np.uint64)
        self.image_lsns = np.zeros(page_count_max, dtype=np.uint64)
        self.states = np.zeros(page_count_max, dtype=np.uint8)
        self.dirty = []
        self.cleared = []
        self.dirty_count_max = 1 << 62
        self.full_page_images = full_page_images
        self.bytes = &store_view[0]
        words = self.lsns
        self.lsn_of = &words[0]
        words = self.image_lsns
        self.image_lsn_of = &words[0]
        small = self.states
        self.state_of = &small[0]
        self.redone.items = NULL

    def __dealloc__(self):
        free(self.redone.items)

    def check(self, uint64_t first_page, uint64_t page_count):
        """Verifies the pages of a run that were not touched yet; raises Corruption."""
        self.check_pages(first_page, page_count)

    def mark(self, uint64_t first_page, uint64_t last_page, uint64_t lsn):
        """Notes that pages were stored into by the record that ends at lsn."""
        self.mark_raw(first_page << self.shift, (last_page + 1 - first_page) << self.shift, lsn)

    def take_dirty(self):
        """The pages that became dirty since the last call."""
        taken, self.dirty = self.dirty, []
        return taken

    cdef int fault_in(self, uint64_t first_page, uint64_t page_count) except -1:
        """What `populate` does, which says what is wrong where the kernel cannot."""
        cdef void *start = self.bytes + (first_page << self.shift)
        cdef size_t length = page_count << self.shift
        cdef int failed = 1
        if self.is_mapped:
            with nogil:
                failed = madvise(start, length, MADV_POPULATE_WRITE)
        if failed:
            self.populate(first_page, page_count)
        return 0

    cdef int check_slowly(self, uint64_t first_page, uint64_t page_count) except -1 nogil:
        cdef uint64_t page_no
        for page_no in range(first_page, first_page + page_count):
            if not self.state_of[page_no] & VERIFIED:
                with gil:
                    self.verify(first_page, page_count)
                return 0
        return 0

    cdef int mark_raw(self, uint64_t address, uint64_t count, uint64_t lsn) except -1 nogil:
        cdef uint64_t page_no = address >> self.shift
        cdef uint64_t last_page = (address + count - 1) >> self.shift
        while page_no <= last_page:
            if self.state_of[page_no] & UNLOGGED and self.lsn_of[page_no] >= lsn:
                self.lsn_of[page_no] += 1  # write-back has to see every change
            else:
                self.lsn_of[page_no] = lsn
            if not self.state_of[page_no] & DIRTY:
                self.state_of[page_no] |= DIRTY | WRITTEN
                if self.is_redoing:
                    push(&self.redone, page_no)
                else:
                    with gil:
                        self.dirty.append(page_no)
            page_no += 1
        return 0

    cdef void begin_redo(self) noexcept:
        self.is_redoing = True

    cdef int end_redo(self) except -1:
        cdef size_t index
        self.is_redoing = False
        for index in range(self.redone.count):
            self.dirty.append(self.redone.items[index])
        self.redone.count = 0
        return 0


cdef int push(Words *words, uint64_t item) except -1 nogil:
    """One more number."""
    cdef void *grown
    if words.count == words.capacity:
        grown = realloc(words.items, 16 * words.capacity + 1024)
        if grown == NULL:
            with gil:
                raise MemoryError
        words.items = <uint64_t *>grown
        words.capacity = 2 * words.capacity + 128
    words.items[words.count] = item
    words.count += 1
    return 0


cdef class Change:
    """One atomic change; the pager hands out the same object again and again."""

    def __cinit__(self, PageTable table not None, LogBuffer log not None):
        self.table = table
        self.log = log
        self.logged.bytes = NULL
        self.unlogged.bytes = NULL
        self.imaged = []
        self.commit_callbacks = []
        self.abandon_callbacks = []

    def __dealloc__(self):
        free(self.logged.bytes)
        free(self.unlogged.bytes)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.is_open:
            self.abandon()

    def begin(self, uint64_t xid, bint reserved=False):
        """Opens the change; reserved ones may use the room kept for aborts on a full disk."""
        self.begin_raw(xid, reserved)

    def write(self, uint64_t address, data not None):
        """Stores bytes at an address; they may span pages."""
        cdef const unsigned char[::1] view
        if type(data) is bytes:
            self.write_raw(address, <const char *><bytes>data, len(<bytes>data))
            return
        if isinstance(data, np.ndarray):
            data = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        elif isinstance(data, memoryview):
            data = data.cast("B")
        view = data
        if view.shape[0]:
            self.write_raw(address, &view[0], view.shape[0])

    def write_u64(self, uint64_t address, uint64_t value):
        """Stores an unsigned word, within one page."""
        self.write_word(address, value)

    def fill(self, uint64_t address, uint8_t byte, uint64_t byte_count):
        """Stores the same byte many times."""
        self.fill_raw(address, byte, byte_count)

    def copy(self, uint64_t source, uint64_t target, uint64_t byte_count, bint source_released=False):
        """Copies bytes within the store, as they are when the change commits."""
        self.copy_raw(source, target, byte_count, source_released)

    def fresh(self, uint64_t first_page, uint64_t page_count):
        """Makes pages all zeros; nothing of what they held is logged or looked at, also where they are copied from."""
        cdef uint64_t page_no
        assert self.is_open
        self.imaged.append((first_page, page_count))
        for page_no in range(first_page, first_page + page_count):
            self.table.image_lsn_of[page_no] = self.log.end_lsn
            self.table.state_of[page_no] |= VERIFIED
        self.operate(
            FRESH, first_page << self.table.shift, page_count << self.table.shift, NULL, 0
        )

    def bits(self, uint64_t address, uint64_t first_bit, uint64_t bit_count, *, bint value):
        """Sets or clears bits of a bitmap that starts at address and lies within one page."""
        self.touch(address, (first_bit + bit_count + 7) // 8)
        self.operate(
            SET_BITS if value else CLEAR_BITS, address, first_bit << 32 | bit_count, NULL, 0
        )

    def on_end(self, commit not None, abandon not None):
        """Registers what to do after commit() (with the LSN), and what after abandon()."""
        self.commit_callbacks.append(commit)
        self.abandon_callbacks.append(abandon)

    def commit(self):
        """Appends the record, stores everything and returns the LSN after the record."""
        return self.commit_raw()

    def abandon(self):
        """Forgets the change; nothing was stored."""
        assert self.is_open
        for first_page, page_count in self.imaged:
            self.table.image_lsns[first_page : first_page + page_count] = 0
        callbacks = self.abandon_callbacks
        self.close()
        for callback in callbacks:
            callback()

    cdef int begin_raw(self, uint64_t xid, bint reserved) except -1:
        cdef PageTable table = self.table
        assert not self.is_open, "changes never interleave"
        if <uint64_t>len(table.dirty) > table.dirty_count_max and table.relieve is not None:
            table.relieve()
        self.xid = xid
        self.reserved = reserved
        self.is_open = True
        return 0

    cdef int write_raw(self, uint64_t address, const void *data, uint64_t count) except -1:
        if count == 0:
            return 0
        self.touch(address, count)
        return self.operate(WRITE, address, count, data, count)

    cdef int write_word(self, uint64_t address, uint64_t value) except -1:
        self.touch(address, 8)
        return self.operate(WRITE_U64, address, value, NULL, 0)

    cdef int fill_raw(self, uint64_t address, uint8_t byte, uint64_t count) except -1:
        if count == 0:
            return 0
        self.touch(address, count)
        return self.operate(FILL, address, <uint64_t>byte << 56 | count, NULL, 0)

    cdef int copy_raw(
        self, uint64_t source, uint64_t target, uint64_t count, bint source_released
    ) except -1:
        cdef PageTable table = self.table
        cdef uint64_t start = source, end = source + count, stop, page_no, limit
        cdef bint is_imaged
        assert source + count <= target or target + count <= source, "ranges overlap"
        if count == 0:
            return 0
        self.touch(target, count)
        page_no = source >> table.shift
        table.check_pages(page_no, ((end - 1) >> table.shift) + 1 - page_no)
        if table.state_of[target >> table.shift] & UNLOGGED:
            return self.operate(COPY, target, count, &source, 8)
        assert not table.state_of[page_no] & UNLOGGED, "the log would copy what it has not"
        if source_released or not table.full_page_images:
            return self.operate(COPY, target, count, &source, 8)
        limit = table.redo_lsn if table.redo_lsn > 0 else 1
        while start < end:
            page_no = start >> table.shift
            is_imaged = table.image_lsn_of[page_no] >= limit
            stop = start
            while stop < end and (table.image_lsn_of[page_no] >= limit) == is_imaged:
                page_no += 1
                stop = page_no << table.shift
            if stop > end:
                stop = end
            if is_imaged:
                self.operate(COPY, target + start - source, stop - start, &start, 8)
            else:
                self.operate(
                    WRITE, target + start - source, stop - start,
                    table.bytes + start, stop - start,
                )
            start = stop
        return 0

    cdef uint64_t commit_raw(self) except 0:
        cdef uint64_t end_lsn = self.log.end_lsn
        assert self.is_open
        if self.logged.length:
            try:
                end_lsn = self.log.append_raw(
                    CHANGE_KIND, self.xid, self.logged.bytes, self.logged.length, self.reserved
                )
            except BaseException:
                self.abandon()
                raise
            store_operations(self.table, self.logged.bytes, self.logged.length, end_lsn)
        if self.unlogged.length:
            store_operations(self.table, self.unlogged.bytes, self.unlogged.length, end_lsn)
        if not self.commit_callbacks:
            self.close()
            return end_lsn
        callbacks = self.commit_callbacks
        self.close()
        for callback in callbacks:
            callback(end_lsn)
        return end_lsn

    cdef int touch(self, uint64_t address, uint64_t count) except -1:
        cdef uint64_t page_no = address >> self.table.shift
        cdef uint64_t last_page = (address + count - 1) >> self.table.shift
        assert self.is_open
        assert last_page < self.table.page_count, "outside of the store"
        if page_no < last_page and self.table.populate is not None:
            self.populate_run(page_no, last_page)
        while page_no <= last_page:
            self.touch_page(page_no)
            page_no += 1
        return 0

    cdef int populate_run(self, uint64_t first_page, uint64_t last_page) except -1:
        cdef uint64_t page_no
        for page_no in range(first_page, last_page + 1):
            if not self.table.state_of[page_no] & (DIRTY | POPULATED):
                self.table.fault_in(first_page, last_page + 1 - first_page)
                break
        for page_no in range(first_page, last_page + 1):
            self.table.state_of[page_no] |= POPULATED
        return 0

    cdef int touch_page(self, uint64_t page_no) except -1:
        cdef PageTable table = self.table
        cdef uint64_t image_lsn
        if not table.state_of[page_no] & (DIRTY | POPULATED) and table.populate is not None:
            table.fault_in(page_no, 1)
            table.state_of[page_no] |= POPULATED
        image_lsn = table.image_lsn_of[page_no]
        if image_lsn < table.redo_lsn or image_lsn == 0:
            return self.log_image(page_no)
        return 0

    cdef int log_image(self, uint64_t page_no) except -1:
        cdef PageTable table = self.table
        cdef uint64_t start = page_no << table.shift
        cdef unsigned char *content = table.bytes + start
        cdef size_t count = table.page_bytes
        table.check_pages(page_no, 1)
        if table.full_page_images and not table.state_of[page_no] & UNLOGGED:
            while count and content[count - 1] == 0:
                if count % 8 == 0 and (<uint64_t *>(content + count - 8))[0] == 0:
                    count -= 8
                else:
                    count -= 1
            self.operate(IMAGE, start, count, content, count)
        self.imaged.append((page_no, 1))
        table.image_lsn_of[page_no] = self.log.end_lsn
        return 0

    cdef int operate(
        self, uint64_t operation, uint64_t address, uint64_t argument,
        const void *operands, size_t count,
    ) except -1:
        cdef size_t padded = (count + 7) & ~<size_t>7
        cdef bint is_unlogged = self.table.state_of[address >> self.table.shift] & UNLOGGED
        cdef Operations *kept = &self.unlogged if is_unlogged else &self.logged
        cdef unsigned char *place = room(kept, 16 + padded)
        (<uint64_t *>place)[0] = operation << 56 | address
        (<uint64_t *>place)[1] = argument
        if padded:
            (<uint64_t *>(place + 8 + padded))[0] = 0
            memcpy(place + 16, operands, count)
        kept.length += 16 + padded
        return 0

    cdef int close(self) except -1:
        self.is_open = False
        clear(&self.logged)
        clear(&self.unlogged)
        if self.imaged:
            self.imaged = []
        if self.commit_callbacks:
            self.commit_callbacks = []
            self.abandon_callbacks = []
        return 0


cdef unsigned char *room(Operations *kept, size_t count) except NULL:
    """Where so many bytes more can be put."""
    cdef size_t capacity = kept.capacity if kept.capacity else 4096
    cdef void *grown
    if kept.length + count > kept.capacity:
        while capacity < kept.length + count:
            capacity *= 2
        grown = realloc(kept.bytes, capacity)
        if grown == NULL:
            raise MemoryError
        kept.bytes = <unsigned char *>grown
        kept.capacity = capacity
    return kept.bytes + kept.length


cdef void clear(Operations *kept) noexcept:
    """Forget them, and give back much room."""
    kept.length = 0
    if kept.capacity > KEPT_BYTES_MAX:
        free(kept.bytes)
        kept.bytes = NULL
        kept.capacity = 0


cdef size_t operand_bytes(uint64_t code, uint64_t argument) noexcept nogil:
    """How many bytes follow an operation's two words."""
    if code == IMAGE or code == WRITE:
        return (argument + 7) & ~<uint64_t>7
    return 8 if code == COPY else 0


cdef uint64_t span(PageTable table, uint64_t code, uint64_t argument) noexcept nogil:
    """How many bytes from its address on an operation may store into."""
    if code == IMAGE:
        return table.page_bytes
    if code == WRITE_U64:
        return 8
    if code == FILL:
        return argument & ADDRESS_MASK
    if code == SET_BITS or code == CLEAR_BITS:
        return ((argument >> 32) + <uint32_t>argument + 7) >> 3
    return argument


cdef int store_operations(
    PageTable table, const unsigned char *payload, size_t length, uint64_t lsn
) except -1:
    """Stores a committed change; its images are what is in memory already."""
    cdef size_t position = 0
    cdef uint64_t code, address, argument
    while position < length:
        code = (<const uint64_t *>(payload + position))[0] >> 56
        address = (<const uint64_t *>(payload + position))[0] & ADDRESS_MASK
        argument = (<const uint64_t *>(payload + position))[1]
        position += 16
        if code != IMAGE:
            store_one(table, code, address, argument, payload + position, lsn)
        position += operand_bytes(code, argument)
    return 0


cdef int store_one(
    PageTable table, uint64_t code, uint64_t address, uint64_t argument,
    const unsigned char *operands, uint64_t lsn,
) except -1 nogil:
    cdef uint64_t source, count
    cdef unsigned char *target = table.bytes + address
    if code == WRITE_U64:
        memcpy(target, &argument, 8)
        table.mark_raw(address, 8, lsn)
    elif code == WRITE:
        memcpy(target, operands, argument)
        table.mark_raw(address, argument, lsn)
    elif code == COPY:
        source = (<const uint64_t *>operands)[0]
        table.check_pages(
            source >> table.shift,
            ((source + argument - 1) >> table.shift) + 1 - (source >> table.shift),
        )
        memmove(target, table.bytes + source, argument)
        table.mark_raw(address, argument, lsn)
    elif code == FILL:
        count = argument & ADDRESS_MASK
        memset(target, <int>(argument >> 56), count)
        table.mark_raw(address, count, lsn)
    elif code == FRESH:
        store_fresh(table, address, argument, lsn)
    elif code == IMAGE:
        memcpy(target, operands, argument)
        memset(target + argument, 0, table.page_bytes - argument)
        table.state_of[address >> table.shift] |= VERIFIED
        table.mark_raw(address, table.page_bytes, lsn)
    else:
        store_bits(table, address, argument >> 32, <uint32_t>argument, code == SET_BITS, lsn)
    return 0


cdef int store_fresh(
    PageTable table, uint64_t address, uint64_t count, uint64_t lsn
) except -1 nogil:
    cdef uint64_t page_no
    for page_no in range(address >> table.shift, (address + count) >> table.shift):
        table.state_of[page_no] |= VERIFIED
        if table.state_of[page_no] & WRITTEN:
            memset(table.bytes + (page_no << table.shift), 0, table.page_bytes)
            table.mark_raw(page_no << table.shift, table.page_bytes, lsn)
    return 0


cdef int store_bits(
    PageTable table, uint64_t address, uint64_t first, uint64_t count, bint value, uint64_t lsn
) except -1 nogil:
    cdef uint64_t bit
    cdef unsigned char *bitmap = table.bytes + address
    if count == 0:
        return 0
    for bit in range(first, first + count):
        if value:
            bitmap[bit >> 3] |= <unsigned char>(1 << (bit & 7))
        else:
            bitmap[bit >> 3] &= <unsigned char>(0xFF ^ (1 << (bit & 7)))
    table.mark_raw(address + (first >> 3), ((first + count - 1) >> 3) + 1 - (first >> 3), lsn)
    return 0


cdef bint is_zero(const unsigned char *content, uint64_t count) noexcept nogil:
    cdef uint64_t index
    for index in range(count >> 3):
        if (<const uint64_t *>content)[index]:
            return False
    return True


def redo(PageTable table not None, bytes payload not None, uint64_t start_lsn, uint64_t end_lsn):
    """Stores a record's change again during recovery."""
    redo_raw(table, <const unsigned char *><const char *>payload, len(payload), start_lsn, end_lsn)


cdef int redo_raw(
    PageTable table, const unsigned char *data, size_t length, uint64_t start_lsn, uint64_t end_lsn
) except -1 nogil:
    cdef size_t position = 0
    cdef uint64_t code, address, argument, count, page_no, last_page
    cdef uint64_t limit = table.page_count << table.shift
    while position < length:
        code = (<const uint64_t *>(data + position))[0] >> 56
        address = (<const uint64_t *>(data + position))[0] & ADDRESS_MASK
        argument = (<const uint64_t *>(data + position))[1]
        position += 16
        count = span(table, code, argument)
        if address + count > limit:
            with gil:
                raise Corruption("wal", None, f"record at {start_lsn:#x} changes unknown pages")
        page_no = address >> table.shift
        last_page = (address + count - 1) >> table.shift
        if code == IMAGE or code == FRESH:
            while page_no <= last_page:
                table.image_lsn_of[page_no] = start_lsn
                if not table.state_of[page_no] & WRITTEN and not is_zero(
                    table.bytes + (page_no << table.shift), table.page_bytes
                ):
                    table.state_of[page_no] |= WRITTEN
                page_no += 1
        else:
            table.check_pages(page_no, last_page + 1 - page_no)
            if code == CLEAR_BITS:
                with gil:
                    table.cleared.append((address, argument))
        store_one(table, code, address, argument, data + position, end_lsn)
        position += operand_bytes(code, argument)
    return 0
