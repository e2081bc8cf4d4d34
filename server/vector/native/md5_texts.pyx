"""MD5 digests of texts, in hexadecimal; server/vector/md5_texts.py specifies it. The algorithm is RFC 1321's."""

import numpy as np

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from server.vector.native.views cimport View, data_of, first_of, start_of

cdef extern from *:
    """
    static const uint32_t rdb_md5_sines[64] = {
        0xd76aa478u, 0xe8c7b756u, 0x242070dbu, 0xc1bdceeeu, 0xf57c0fafu, 0x4787c62au, 0xa8304613u, 0xfd469501u,
        0x698098d8u, 0x8b44f7afu, 0xffff5bb1u, 0x895cd7beu, 0x6b901122u, 0xfd987193u, 0xa679438eu, 0x49b40821u,
        0xf61e2562u, 0xc040b340u, 0x265e5a51u, 0xe9b6c7aau, 0xd62f105du, 0x02441453u, 0xd8a1e681u, 0xe7d3fbc8u,
        0x21e1cde6u, 0xc33707d6u, 0xf4d50d87u, 0x455a14edu, 0xa9e3e905u, 0xfcefa3f8u, 0x676f02d9u, 0x8d2a4c8au,
        0xfffa3942u, 0x8771f681u, 0x6d9d6122u, 0xfde5380cu, 0xa4beea44u, 0x4bdecfa9u, 0xf6bb4b60u, 0xbebfbc70u,
        0x289b7ec6u, 0xeaa127fau, 0xd4ef3085u, 0x04881d05u, 0xd9d4d039u, 0xe6db99e5u, 0x1fa27cf8u, 0xc4ac5665u,
        0xf4292244u, 0x432aff97u, 0xab9423a7u, 0xfc93a039u, 0x655b59c3u, 0x8f0ccc92u, 0xffeff47du, 0x85845dd1u,
        0x6fa87e4fu, 0xfe2ce6e0u, 0xa3014314u, 0x4e0811a1u, 0xf7537e82u, 0xbd3af235u, 0x2ad7d2bbu, 0xeb86d391u,
    };
    static inline uint32_t rdb_md5_turned(uint32_t x, int by) { return x << by | x >> (32 - by); }
    /* One of the four rounds: how three words are mixed, which word of the block is next, and by how much to turn. */
    #define RDB_MD5_ROUND(from, mixed, word, one, two, three, four) \
        for (i = from; i < from + 16; i += 4) { \
            RDB_MD5_STEP(a, b, c, d, mixed, word, i, one) \
            RDB_MD5_STEP(d, a, b, c, mixed, word, i + 1, two) \
            RDB_MD5_STEP(c, d, a, b, mixed, word, i + 2, three) \
            RDB_MD5_STEP(b, c, d, a, mixed, word, i + 3, four) \
        }
    #define RDB_MD5_STEP(a, b, c, d, mixed, word, at, by) \
        a = b + rdb_md5_turned(a + mixed(b, c, d) + words[word(at) & 15] + rdb_md5_sines[at], by);
    #define RDB_MD5_F(x, y, z) (z ^ (x & (y ^ z)))
    #define RDB_MD5_G(x, y, z) (y ^ (z & (x ^ y)))
    #define RDB_MD5_H(x, y, z) (x ^ y ^ z)
    #define RDB_MD5_I(x, y, z) (y ^ (x | ~z))
    #define RDB_MD5_IN_ORDER(i) (i)
    #define RDB_MD5_BY_FIVE(i) (5 * (i) + 1)
    #define RDB_MD5_BY_THREE(i) (3 * (i) + 5)
    #define RDB_MD5_BY_SEVEN(i) (7 * (i))
    static void rdb_md5_block(uint32_t *state, const uint8_t *block) {
        uint32_t words[16], a = state[0], b = state[1], c = state[2], d = state[3];
        int i;
        for (i = 0; i < 16; i++)
            words[i] = block[4 * i] | (uint32_t)block[4 * i + 1] << 8 | (uint32_t)block[4 * i + 2] << 16
                | (uint32_t)block[4 * i + 3] << 24;
        RDB_MD5_ROUND(0, RDB_MD5_F, RDB_MD5_IN_ORDER, 7, 12, 17, 22)
        RDB_MD5_ROUND(16, RDB_MD5_G, RDB_MD5_BY_FIVE, 5, 9, 14, 20)
        RDB_MD5_ROUND(32, RDB_MD5_H, RDB_MD5_BY_THREE, 4, 11, 16, 23)
        RDB_MD5_ROUND(48, RDB_MD5_I, RDB_MD5_BY_SEVEN, 6, 10, 15, 21)
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    }
    """
    void rdb_md5_block(uint32_t *state, const uint8_t *block) noexcept nogil

cdef enum:
    BLOCK_BYTES = 64
    LENGTH_BYTES = 8
    DIGEST_BYTES = 32  # as text

cdef const char *DIGITS = b"0123456789abcdef"


cdef void digest(const uint8_t *data, Py_ssize_t length, uint8_t *target) noexcept nogil:
    """Write the digest of some bytes, as text."""
    cdef uint32_t[4] state
    cdef uint8_t[2 * BLOCK_BYTES] last
    cdef Py_ssize_t whole = length // BLOCK_BYTES * BLOCK_BYTES, left = length - whole, i
    cdef Py_ssize_t end = BLOCK_BYTES if left < BLOCK_BYTES - LENGTH_BYTES else 2 * BLOCK_BYTES
    cdef uint64_t bits = <uint64_t>length * 8
    cdef uint8_t byte
    state[0], state[1], state[2], state[3] = <uint32_t>0x67452301, <uint32_t>0xefcdab89, <uint32_t>0x98badcfe, <uint32_t>0x10325476
    for i in range(length // BLOCK_BYTES):
        rdb_md5_block(state, data + i * BLOCK_BYTES)
    memset(last, 0, sizeof(last))
    memcpy(last, data + whole, left)
    last[left] = 0x80
    for i in range(LENGTH_BYTES):
        last[end - LENGTH_BYTES + i] = <uint8_t>(bits >> 8 * i)
    rdb_md5_block(state, last)
    if end > BLOCK_BYTES:
        rdb_md5_block(state, last + BLOCK_BYTES)
    for i in range(16):
        byte = <uint8_t>(state[i // 4] >> 8 * (i % 4))
        target[2 * i] = DIGITS[byte >> 4]
        target[2 * i + 1] = DIGITS[byte & 15]


def md5_texts(const uint8_t[::1] store, views):
    """The digest of each text."""
    views = np.ascontiguousarray(views)
    cdef const View *view = first_of(views)
    cdef const uint8_t *base = start_of(store)
    cdef Py_ssize_t rows = len(views), row
    made = np.zeros(rows, "V16")
    cdef View *target = <View *>first_of(made)
    written = np.empty(rows * DIGEST_BYTES, np.uint8)
    cdef uint8_t *place = <uint8_t *><const uint8_t *>start_of(written)
    with nogil:
        for row in range(rows):
            digest(<const uint8_t *>data_of(&view[row], base), view[row].length, place + row * DIGEST_BYTES)
            target[row].length = DIGEST_BYTES
            memcpy(&target[row].prefix[0], place + row * DIGEST_BYTES, 4)
            target[row].place = row * DIGEST_BYTES
    return written, made
