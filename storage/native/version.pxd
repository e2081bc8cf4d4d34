"""The header of a version of a row as compiled code sees it: see storage/rowgroup.py."""

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #include <stdint.h>

    typedef struct {
        uint64_t xmin;
        uint64_t xmax;
        uint64_t following;
        uint64_t nulls;
    } Version;

    /* What `following` says, beside a row id. */
    #define ROW_ID_MASK (((uint64_t)1 << 48) - 1)
    #define NEWER ((uint64_t)1 << 48)
    #define INNER ((uint64_t)1 << 49)
    #define KEY_CHANGED ((uint64_t)1 << 50)
    #define REDIRECT ((uint64_t)1 << 51)
    #define DEAD ((uint64_t)1 << 52)
    #define FREE ((uint64_t)1 << 53)
    #define KEY_KEPT ((uint64_t)1 << 54)
    """
    ctypedef struct Version:
        uint64_t xmin
        uint64_t xmax
        uint64_t following
        uint64_t nulls

    const uint64_t ROW_ID_MASK
    const uint64_t NEWER
    const uint64_t INNER
    const uint64_t KEY_CHANGED
    const uint64_t REDIRECT
    const uint64_t DEAD
    const uint64_t FREE
    const uint64_t KEY_KEPT


cdef inline bint keeps_key(Version *version) noexcept nogil:
    """The twin of storage.chains.Version.keeps_key."""
    return (
        version.following & NEWER != 0
        and version.following & (KEY_CHANGED | KEY_KEPT) != KEY_CHANGED
    )
