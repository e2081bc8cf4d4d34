"""The compiled twin of server.sql.lexer: same rules, same words, one pass over ASCII text.

Text with other characters goes to the original. Tokens live in one static array, which is safe
because nothing in here gives up the GIL between filling and reading it.
"""

from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy, memset

from server.sql import lexer as original
from server.sql.lexer import Skeleton

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    unsigned char* PyUnicode_1BYTE_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    str PyUnicode_Substring(object text, Py_ssize_t start, Py_ssize_t end)

cdef enum:
    LENGTH_MAX = 4096
    WORD_LENGTH_MAX = 16
    TABLE_SIZE = 512

assert LENGTH_MAX == original.TEXT_LENGTH_MAX

cdef enum Kind:
    START, STRING, NUMBER, WORD, OPERATOR, CAST, OPEN, CLOSE, COMMA, END, OTHER

# What a token is good for: sets of words and operators of the original, one bit each.
cdef enum:
    IS_STATEMENT = 1
    IS_REFUSED = 2
    IS_LIFTING = 4
    IS_OPENING = 8
    IS_FOLLOWING = 16
    IS_QUERY = 32
    IS_VALUES = 64
    IS_IN = 128
    IS_COMPARISON = 256
    IS_ARITHMETIC = 512
    IS_MINUS = 1024
    IS_PLUS = 2048
    IS_CONFLICT = 4096
    IS_DO = 8192

cdef struct Token:
    int kind
    int flags
    int start
    int end

cdef struct Word:
    unsigned char length
    char text[WORD_LENGTH_MAX]
    int flags

cdef Word words[TABLE_SIZE]
cdef Token tokens[LENGTH_MAX + 2]
cdef unsigned char character_class[128]
cdef unsigned char outer_open[LENGTH_MAX]
cdef unsigned char outer_values[LENGTH_MAX]
cdef char written[6 * LENGTH_MAX]
cdef char letters[LENGTH_MAX]
cdef Literal last_literals[LITERALS_MAX]
cdef int last_count = -1

cdef enum:
    IS_SPACE = 1
    IS_DIGIT = 2
    IS_WORD_START = 4
    IS_WORD_PART = 8
    IS_OPERATOR = 16
    IS_SPECIAL = 32


cdef inline unsigned int slot_of(const char* text, int length) noexcept:
    cdef unsigned int value = 2166136261u
    cdef int index
    for index in range(length):
        value = (value ^ <unsigned char> text[index]) * 16777619u
    return (value ^ (value >> 15)) & (TABLE_SIZE - 1)


cdef int flags_of(const char* text, int length) noexcept:
    """Look a lower-case word up."""
    cdef unsigned int slot
    if length > WORD_LENGTH_MAX:
        return 0
    slot = slot_of(text, length)
    while words[slot].length:
        if words[slot].length == length and memcmp(words[slot].text, text, length) == 0:
            return words[slot].flags
        slot = (slot + 1) & (TABLE_SIZE - 1)
    return 0


cdef void add_word(bytes word, int flag):
    """Set a flag of a word, entering it into the table when it is new."""
    cdef const char* text = word
    cdef int length = len(word)
    cdef unsigned int slot = slot_of(text, length)
    assert length <= WORD_LENGTH_MAX
    while words[slot].length:
        if words[slot].length == length and memcmp(words[slot].text, text, length) == 0:
            words[slot].flags |= flag
            return
        slot = (slot + 1) & (TABLE_SIZE - 1)
    words[slot].length = length
    memcpy(words[slot].text, text, length)
    words[slot].flags = flag


def fill_tables():
    """Take the words and characters over from the original."""
    memset(words, 0, sizeof(words))
    memset(character_class, 0, sizeof(character_class))
    for flag, members in (
        (IS_STATEMENT, original.STARTS),
        (IS_REFUSED, original.REFUSED_WORDS),
        (IS_LIFTING, original.LIFTING_WORDS),
        (IS_OPENING, original.OPENING_WORDS),
        (IS_FOLLOWING, original.FOLLOWING_WORDS),
        (IS_QUERY, original.QUERY_WORDS),
        (IS_VALUES, ("values",)),
        (IS_IN, ("in",)),
        (IS_CONFLICT, ("conflict",)),
        (IS_DO, ("do",)),
    ):
        for member in members:
            add_word(member.encode(), flag)
    for flag, members in (
        (IS_SPACE, b" \t\n\r\f"),
        (IS_DIGIT | IS_WORD_PART, b"0123456789"),
        (IS_WORD_START | IS_WORD_PART, b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"),
        (IS_WORD_PART, b"$"),
        (IS_OPERATOR, b"-+*/<>=~!@#%^&|`?"),
        (IS_SPECIAL, b"~!@#%^&|`?"),
    ):
        for code in members:
            character_class[code] |= flag


fill_tables()


cdef inline int class_at(const unsigned char* text, int position, int length) noexcept:
    return character_class[text[position]] if position < length else 0


cdef inline int skip(const unsigned char* text, int position, int length, int wanted) noexcept:
    while position < length and character_class[text[position]] & wanted:
        position += 1
    return position


cdef inline int skip_space(const unsigned char* text, int position, int length) noexcept:
    """Skip white space and comments to the end of a line."""
    while True:
        position = skip(text, position, length, IS_SPACE)
        if position + 1 < length and text[position] == c"-" and text[position + 1] == c"-":
            while position < length and text[position] != c"\n" and text[position] != c"\r":
                position += 1
        else:
            return position


cdef int end_of_quoted(const unsigned char* text, int position, int length) noexcept:
    """Find the end of a string, in which quotes are doubled; -1 if it has none."""
    position += 1
    while position < length:
        if text[position] == c"'":
            if position + 1 < length and text[position + 1] == c"'":
                position += 1
            else:
                return position + 1
        position += 1
    return -1


cdef int end_of_number(const unsigned char* text, int position, int length) noexcept:
    """Find the end of a number, whose exponent must have digits to belong to it."""
    cdef int after
    position = skip(text, position, length, IS_DIGIT)
    if position < length and text[position] == c".":
        position = skip(text, position + 1, length, IS_DIGIT)
    if position < length and (text[position] | 32) == c"e":
        after = position + 1
        if after < length and (text[after] == c"-" or text[after] == c"+"):
            after += 1
        if class_at(text, after, length) & IS_DIGIT:
            position = skip(text, after, length, IS_DIGIT)
    return position


cdef int end_of_operator(const unsigned char* text, int start, int length) noexcept:
    """Find the end of an operator: it stops at a comment and does not end in a sign."""
    cdef int position = start
    cdef bint special = False
    while position < length and character_class[text[position]] & IS_OPERATOR:
        if position + 1 < length and (
            (text[position] == c"-" and text[position + 1] == c"-")
            or (text[position] == c"/" and text[position + 1] == c"*")
        ):
            break
        special = special or character_class[text[position]] & IS_SPECIAL
        position += 1
    while position - start > 1 and not special and text[position - 1] in (c"+", c"-"):
        position -= 1
    return position


cdef int operator_flags(const unsigned char* text, int length) noexcept:
    """Tell comparisons and arithmetic from other operators."""
    cdef unsigned char first = text[0]
    if length == 1:
        if first == c"-":
            return IS_ARITHMETIC | IS_MINUS
        if first == c"+":
            return IS_ARITHMETIC | IS_PLUS
        if first == c"*" or first == c"/" or first == c"%":
            return IS_ARITHMETIC
        return IS_COMPARISON if first in (c"=", c"<", c">") else 0
    if length == 2 and text[1] == c"=":
        return IS_COMPARISON if first in (c"<", c">", c"!") else 0
    return IS_COMPARISON if length == 2 and first == c"<" and text[1] == c">" else 0


cdef int word_flags(const unsigned char* text, int length) noexcept:
    """Look a word up in any case."""
    cdef char lower[WORD_LENGTH_MAX]
    cdef int index
    if length > WORD_LENGTH_MAX:
        return 0
    for index in range(length):
        lower[index] = text[index] + 32 if c"A" <= text[index] <= c"Z" else text[index]
    return flags_of(lower, length)


cdef inline bint is_prefixed_quote(const unsigned char* text, int position, int length) noexcept:
    """Whether a letter starts a string or name of a special kind."""
    cdef unsigned char letter = text[position] | 32
    if position + 1 >= length:
        return False
    if text[position + 1] == c"'":
        return letter in (c"e", c"b", c"x", c"n")
    if letter != c"u" or text[position + 1] != c"&" or position + 2 >= length:
        return False
    return text[position + 2] == c"'" or text[position + 2] == c'"'


cdef int tokenize(const unsigned char* text, int length) noexcept:
    """Fill the array of tokens; the number of them, or -1 where there can be no skeleton."""
    cdef int count = 1, position = 0, start, end, kind, flags, classes
    cdef unsigned char code
    tokens[0].kind, tokens[0].flags, tokens[0].end = START, 0, 0
    while True:
        start = skip_space(text, position, length)
        if start >= length:
            break
        if tokens[count - 1].kind == END:
            return -1
        code = text[start]
        classes = character_class[code]
        flags = 0
        if classes & IS_WORD_START:
            if is_prefixed_quote(text, start, length):
                return -1
            end = skip(text, start, length, IS_WORD_PART)
            kind, flags = WORD, word_flags(text + start, end - start)
            if flags & IS_REFUSED:
                return -1
            if tokens[count - 1].kind == NUMBER and tokens[count - 1].end == start:
                return -1
        elif classes & IS_DIGIT or (code == c"." and class_at(text, start + 1, length) & IS_DIGIT):
            kind, end = NUMBER, end_of_number(text, start, length)
        elif classes & IS_OPERATOR:
            if code == c"/" and start + 1 < length and text[start + 1] == c"*":
                return -1
            kind, end = OPERATOR, end_of_operator(text, start, length)
            flags = operator_flags(text + start, end - start)
        elif code == c"'":
            kind, end = STRING, end_of_quoted(text, start, length)
            if end < 0 or tokens[count - 1].kind == STRING:
                return -1
        elif code == c'"':
            kind, end = WORD, start + 1
            while end < length and text[end] != c'"':
                end += 1
            if end >= length:
                return -1
            end += 1
            if tokens[count - 1].kind == NUMBER and tokens[count - 1].end == start:
                return -1
        else:
            end = start + 1
            if code == c"(":
                kind = OPEN
            elif code == c")":
                kind = CLOSE
            elif code == c",":
                kind = COMMA
            elif code == c";":
                kind = END
            elif code == c":" and end < length and text[end] == c":":
                kind, end = CAST, end + 1
            elif code == c"[" or code == c"]" or code == c"." or code == c":":
                kind = OTHER
            else:
                return -1
        tokens[count].kind, tokens[count].flags = kind, flags
        tokens[count].start, tokens[count].end = start, end
        count += 1
        position = end
    tokens[count].kind, tokens[count].flags = END, 0
    tokens[count].start = tokens[count].end = 0
    return count


cdef inline bint may_follow(int index) noexcept:
    """Whether the token after a literal leaves it a whole operand."""
    cdef Token* after = &tokens[index + 1]
    if after.kind == CLOSE or after.kind == COMMA or after.kind == END:
        return True
    if after.kind == WORD:
        return after.flags & IS_FOLLOWING != 0
    if tokens[index].kind != NUMBER or after.kind != OPERATOR:
        return False
    return after.flags & (IS_COMPARISON | IS_ARITHMETIC) != 0


cdef int lifted_from(int index, bint in_list) noexcept:
    """Where the stretch to replace starts; -1 if the literal stays."""
    cdef Token* literal = &tokens[index]
    cdef Token* before = &tokens[index - 1]
    cdef Token* anchor
    cdef int start = literal.start
    if not may_follow(index):
        return -1
    if literal.kind == NUMBER and before.flags & (IS_MINUS | IS_PLUS):
        anchor = &tokens[index - 2]
        if anchor.flags & IS_OPENING or anchor.kind == OTHER:
            return -1
        if (
            anchor.kind == OPERATOR or anchor.kind == OPEN or anchor.kind == COMMA
            or anchor.flags & IS_LIFTING
        ):
            if before.flags & IS_PLUS:
                return -1
            start = before.start
            before = anchor
    if before.kind == OPEN or before.kind == COMMA:
        return start if in_list else -1
    if before.flags & IS_ARITHMETIC:
        return start if literal.kind == NUMBER else -1
    return start if before.flags & (IS_COMPARISON | IS_LIFTING) else -1


cdef char number_kind(const unsigned char* text, int length, bint negative) noexcept:
    """Type a number as the grammar does."""
    cdef uint64_t value = 0
    cdef int index = 0
    while index < length and text[index] == c"0":
        index += 1
    if length - index > 19:
        return c"n"
    while index < length:
        if not character_class[text[index]] & IS_DIGIT:
            return c"n"
        value = value * 10 + (text[index] - 48)
        index += 1
    if value <= <uint64_t> 0x7FFFFFFF + negative:
        return c"i"
    return c"b" if value <= <uint64_t> 0x7FFFFFFFFFFFFFFF + negative else c"n"


cdef int write_parameter(char* target, int number) noexcept:
    """Write $n; the number of characters."""
    cdef char digits[8]
    cdef int count = 0, length = 1
    while number:
        digits[count] = 48 + number % 10
        number //= 10
        count += 1
    target[0] = c"$"
    while count:
        count -= 1
        target[length] = digits[count]
        length += 1
    return length


cdef object value_of(str sql, const unsigned char* text, int index, int start):
    """Cut a literal out of the text, with its sign or without its quotes."""
    cdef Token* literal = &tokens[index]
    cdef str value
    if literal.kind == STRING:
        value = PyUnicode_Substring(sql, literal.start + 1, literal.end - 1)
        return value.replace("''", "'") if "'" in value else value
    value = PyUnicode_Substring(sql, literal.start, literal.end)
    return "-" + value if start < literal.start else value


cdef void note_literal(Literal *literal, const Token *token, int start) noexcept:
    """Where it stands without its quotes or its sign."""
    literal.is_string = token.kind == STRING
    literal.is_negative = start < token.start
    literal.start = token.start + literal.is_string
    literal.end = token.end - literal.is_string


cdef int literals_lifted(const Literal **found) noexcept:
    found[0] = last_literals
    return last_count


def skeleton(str sql):
    """Lift the literals of one statement; None where there is nothing to gain or to be sure of."""
    found = lifted(sql)
    return None if found is None else Skeleton._make(found)


cdef tuple lifted(str sql):
    """`skeleton`, as a tuple that need not be of its class."""
    global last_count
    last_count = -1
    cdef int length = PyUnicode_GET_LENGTH(sql)
    if length > LENGTH_MAX:
        return None
    if not PyUnicode_IS_ASCII(sql):
        found = original.skeleton(sql)
        return None if found is None else tuple(found)
    cdef const unsigned char* text = PyUnicode_1BYTE_DATA(sql)
    cdef int count = tokenize(text, length)
    if count < 2 or not tokens[1].flags & IS_STATEMENT:
        return None
    cdef int index, start, copied = 0, size = 0, count_lifted = 0, depth = 0
    cdef bint in_list = False, in_values = False, in_conflict = False
    cdef list values = []
    cdef Token* token
    for index in range(1, count):
        token = &tokens[index]
        if token.kind == WORD:
            in_values = token.flags & IS_VALUES != 0
            if token.flags & (IS_CONFLICT | IS_DO):
                in_conflict = token.flags & IS_CONFLICT != 0
        elif token.kind == OPEN:
            outer_open[depth], outer_values[depth] = in_list, in_values
            depth += 1
            in_list = tokens[index - 1].flags & (IS_VALUES | IS_IN) != 0 or (
                tokens[index - 1].kind == COMMA and in_values
            )
            in_list = in_list and not tokens[index + 1].flags & (IS_QUERY | IS_VALUES)
            in_values = False
        elif token.kind == CLOSE:
            if depth:
                depth -= 1
                in_list, in_values = outer_open[depth], outer_values[depth]
            else:
                in_list = in_values = False
        elif token.kind == STRING or token.kind == NUMBER:
            start = -1 if in_conflict else lifted_from(index, in_list)
            if start < 0:
                continue
            values.append(value_of(sql, text, index, start))
            if count_lifted < LITERALS_MAX:
                note_literal(&last_literals[count_lifted], token, start)
            letters[count_lifted] = c"s" if token.kind == STRING else number_kind(
                text + token.start, token.end - token.start, start < token.start
            )
            count_lifted += 1
            memcpy(&written[size], &text[copied], start - copied)
            size += start - copied
            size += write_parameter(&written[size], count_lifted)
            copied = token.end
    if not count_lifted:
        return None
    memcpy(&written[size], &text[copied], length - copied)
    size += length - copied
    last_count = count_lifted if count_lifted <= LITERALS_MAX else -1
    return (
        PyUnicode_DecodeASCII(written, size, NULL),
        PyUnicode_DecodeASCII(letters, count_lifted, NULL),
        tuple(values),
    )
