"""What protocol.native.rows takes from the writers of single values."""

from libc.stdint cimport int32_t, int64_t, uint64_t

cdef char *put_float8(char *place, double value) noexcept nogil
cdef char *put_float4(char *place, float value) noexcept nogil
cdef char *put_date(char *place, int32_t days) noexcept nogil
cdef char *put_timestamp(char *place, int64_t microseconds, bint zone) noexcept nogil
cdef char *put_decimal(char *place, int64_t value, int scale) noexcept nogil
cdef char *put_binary_decimal(char *place, int64_t value, int scale) noexcept nogil
cdef char *put_signed(char *place, int64_t value) noexcept nogil
cdef char *put_unsigned(char *place, uint64_t value, int digits_min) noexcept nogil
