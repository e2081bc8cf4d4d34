"""How the values of a sealed row group's column are found, one by one; the twin of storage/encodings."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef enum:  # storage.encodings.Encoding, the size of a block's header, and what there is of texts
    PLAIN = 0
    FRAME = 1
    DICTIONARY = 2
    PACKED = 3
    BLOCK_BYTES = 64
    TEXTS_A_START = 64
    VIEW_INLINE_MAX = 12


cdef struct View:
    uint32_t length
    char prefix[4]
    uint64_t address


cdef struct Block:
    uint8_t encoding
    uint8_t code_bytes
    uint16_t unused
    uint32_t count
    int64_t base
    int64_t step
    uint32_t second
    uint32_t third


cdef inline uint64_t code_at(const Block *block, uint64_t slot) noexcept nogil:
    """The code, or length, of one slot."""
    cdef const unsigned char *codes = <const unsigned char *>block + BLOCK_BYTES
    if block.code_bytes == 1:
        return codes[slot]
    if block.code_bytes == 2:
        return (<const uint16_t *>codes)[slot]
    if block.code_bytes == 4:
        return (<const uint32_t *>codes)[slot]
    return (<const uint64_t *>codes)[slot] if block.code_bytes else 0


cdef inline uint64_t framed_at(const Block *block, uint64_t slot) noexcept nogil:
    """The number of one slot of a FRAME block, as 64 bits of which the lowest are those of the kind."""
    return <uint64_t>block.base + <uint64_t>block.step * code_at(block, slot)


cdef inline uint64_t text_place(const Block *block, uint64_t slot) noexcept nogil:
    """Where the text of one slot of a PACKED block lies, from the block's first byte."""
    cdef const unsigned char *start = <const unsigned char *>block
    cdef uint64_t first = slot // TEXTS_A_START, place, i
    place = (<const uint32_t *>(start + block.second))[first]
    for i in range(first * TEXTS_A_START, slot):
        place += code_at(block, i)
    return block.third + place


cdef inline const Block *words_of(const Block *block) noexcept nogil:
    """The block of the words that the codes of a DICTIONARY block stand for."""
    return <const Block *>(<const unsigned char *>block + block.second)


cdef inline void fill_view(
    View *view, const unsigned char *store, uint64_t place, uint32_t length
) noexcept nogil:
    """The view of a text that lies somewhere in the store."""
    memset(view, 0, sizeof(View))
    view.length = length
    if length <= VIEW_INLINE_MAX:
        memcpy(view.prefix, store + place, length)
    else:
        memcpy(view.prefix, store + place, 4)
        view.address = place
