"""The states of the default parser, as a table: what each does with which character.

A line is `test action target`, the first whose test holds is taken. Tests: `end` of the text,
`letter` (of ASCII), `alpha` (a letter of any script), `digit`, `alnum`, `mark` (a character that
belongs to the one before), `blank`, `url` (may stand in a URL), `hex`, `other` (not alnum), `else`,
`skipping` (inside of a script or style), and a character itself. `host` and `path` look ahead with a
parser of their own; `wanted` holds once when a host was looked for.

Actions, joined by +: `next` (go on), `push` (remember this place and go on; the next line is tried
when it comes back), `pop` (come back), `clear` (forget the remembered place), `clear-all`, `merge`
(come back, but stay where it is), `rerun` (do not move), and the name of a token, which is found.
`~rewind`, `~tag`, `~host` are what is done besides. A target of `.` is the state itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TOKENS: Final = (
    "asciiword",
    "word",
    "numword",
    "email",
    "url",
    "host",
    "sfloat",
    "version",
    "hword_numpart",
    "hword_part",
    "hword_asciipart",
    "blank",
    "tag",
    "protocol",
    "numhword",
    "asciihword",
    "hword",
    "url_path",
    "file",
    "float",
    "int",
    "uint",
    "entity",
)
"""The names of the tokens, numbered from 1."""

DESCRIPTIONS: Final = (
    "Word, all ASCII",
    "Word, all letters",
    "Word, letters and digits",
    "Email address",
    "URL",
    "Host",
    "Scientific notation",
    "Version number",
    "Hyphenated word part, letters and digits",
    "Hyphenated word part, all letters",
    "Hyphenated word part, all ASCII",
    "Space symbols",
    "XML tag",
    "Protocol head",
    "Hyphenated word, letters and digits",
    "Hyphenated word, all ASCII",
    "Hyphenated word, all letters",
    "URL path",
    "File or path name",
    "Decimal notation",
    "Signed integer",
    "Unsigned integer",
    "XML entity",
)

_STATES: Final = """
Base
  end next . | < push TagFirst | skipping next Space | letter next AsciiWord | alpha next Word
  digit next UnsignedInt | signed-version next Space | - push SignedIntFirst
  + push SignedIntFirst | & push EntityFirst
  ~ push FileTwiddle | / push FileFirst | dot push PathFirstFirst | else next Space
NumWord
  end numword Base | alnum next . | mark next . | @ push Email | / push FileFirst
  dot push FileNext | - push HyphenNumWordFirst | else numword Base
AsciiWord
  end asciiword Base | letter next . | dot push HostFirstDomain | dot push FileNext
  - push HostFirst | - push HyphenAsciiWordFirst | _ push HostFirst | @ push Email
  : push ProtocolFirst | / push FileFirst | digit push Host | digit next NumWord
  alpha next Word | mark next Word | else asciiword Base
Word
  end word Base | alpha next . | mark next . | digit next NumWord | - push HyphenWordFirst
  else word Base
UnsignedInt
  end uint Base | digit next . | dot push HostFirstDomain | dot push UDecimalFirst
  e push MantissaFirst | E push MantissaFirst | - push HostFirst | _ push HostFirst
  @ push Email | letter push Host | alpha next NumWord | mark next NumWord | / push FileFirst
  else uint Base
SignedIntFirst
  end pop . | digit clear SignedInt | else pop .
SignedInt
  end int Base | digit next . | dot push DecimalFirst | e push MantissaFirst
  E push MantissaFirst | else int Base
Space
  end blank Base | < blank Base | skipping next . | - blank Base | + blank Base | & blank Base
  / blank Base | other next . | else blank Base
UDecimalFirst
  end pop . | digit clear UDecimal | else pop .
UDecimal
  end float Base | digit next . | dot push VersionFirst | e push MantissaFirst
  E push MantissaFirst | else float Base
DecimalFirst
  end pop . | digit clear Decimal | else pop .
Decimal
  end float Base | digit next . | e push MantissaFirst | E push MantissaFirst | else float Base
VersionFirst
  end pop . | digit clear Version | else pop .
Version
  end version Base | digit next . | dot push VersionFirst | else version Base
MantissaFirst
  end pop . | digit clear Mantissa | + next MantissaSign | - next MantissaSign | else pop .
MantissaSign
  end pop . | digit clear Mantissa | else pop .
Mantissa
  end sfloat Base | digit next . | else sfloat Base
EntityFirst
  end pop . | # next EntityNumberFirst | letter next Entity | : next Entity | _ next Entity
  else pop .
Entity
  end pop . | alnum next . | : next . | _ next . | dot next . | - next . | ; next EntityEnd
  else pop .
EntityNumberFirst
  end pop . | x next EntityHexFirst | X next EntityHexFirst | digit next EntityNumber | else pop .
EntityHexFirst
  end pop . | hex next EntityHex | else pop .
EntityNumber
  end pop . | digit next . | ; next EntityEnd | else pop .
EntityHex
  end pop . | hex next . | ; next EntityEnd | else pop .
EntityEnd
  else entity+clear Base
TagFirst
  end pop . | / push TagCloseFirst | ! push CommentFirst | ? push XmlBegin | letter push TagName
  : push TagName | _ push TagName | else pop .
XmlBegin
  end pop . | x next Tag | X next Tag | else pop .
TagCloseFirst
  end pop . | letter next TagName | else pop .
TagName
  end pop . | / next TagBeginEnd | > next~tag TagEnd | blank next~tag Tag | alnum next .
  : next . | _ next . | dot next . | - next . | else pop .
TagBeginEnd
  end pop . | > next TagEnd | else pop .
Tag
  end pop . | > next~tag TagEnd | ' next TagQuoted | " next TagDoubleQuoted | letter next .
  digit next . | = next . | - next . | _ next . | # next . | / next . | : next . | dot next .
  & next . | ? next . | % next . | ~ next . | blank next~tag . | else pop .
TagQuoted
  end pop . | \\ push TagEscaped | ' next Tag | else next .
TagDoubleQuoted
  end pop . | \\ push TagEscaped | " next Tag | else next .
TagEscaped
  end pop . | else merge .
TagEnd
  else tag+clear-all Base
CommentFirst
  end pop . | - next CommentLast | D next Tag | d next Tag | else pop .
CommentLast
  end pop . | - next Comment | else pop .
Comment
  end pop . | - next CloseCommentFirst | else next .
CloseCommentFirst
  end pop . | - next CloseCommentLast | else next Comment
CloseCommentLast
  end pop . | - next . | > next CommentEnd | else next Comment
CommentEnd
  else tag+clear-all Base
HostFirstDomain
  end pop . | letter next HostDomainSecond | digit next Host | else pop .
HostDomainSecond
  end pop . | letter next HostDomain | digit push Host | - push HostFirst | _ push HostFirst
  dot push HostFirstDomain | @ push Email | else pop .
HostDomain
  end host+clear-all Base | letter next . | digit push Host | : push PortFirst
  - push HostFirst | _ push HostFirst | dot push HostFirstDomain | @ push Email | digit pop .
  wanted host+clear-all UrlPathStart | / push Furl | else host+clear-all Base
PortFirst
  end pop . | digit next Port | else pop .
Port
  end host+clear-all Base | digit next . | wanted host+clear-all UrlPathStart | / push Furl
  else host+clear-all Base
HostFirst
  end pop . | digit next Host | letter next Host | else pop .
Host
  end pop . | digit next . | letter next . | @ push Email | dot push HostFirstDomain
  - push HostFirst | _ push HostFirst | else pop .
Email
  wanted pop . | host email+clear-all Base | else pop .
FileFirst
  end pop . | letter clear File | digit clear File | dot push PathFirst | _ clear File
  ~ push FileTwiddle | else pop .
FileTwiddle
  end pop . | letter clear File | digit clear File | _ clear File | / next FileFirst | else pop .
PathFirst
  end pop . | letter clear File | digit clear File | _ clear File | dot push PathSecond
  / next FileFirst | else pop .
PathFirstFirst
  end pop . | dot next PathSecond | / next FileFirst | else pop .
PathSecond
  end file+clear Base | / push FileFirst | / file+clear Base | blank file+clear Base | else pop .
File
  end file Base | letter next . | digit next . | dot push FileNext | _ next . | - next .
  / push FileFirst | else file Base
FileNext
  end pop . | letter clear File | digit clear File | _ clear File | else pop .
UrlPathFirst
  end pop . | url next UrlPath | else pop .
UrlPathStart
  else next UrlPath
UrlPath
  end url_path Base | url next . | else url_path Base
Furl
  end pop . | path url+clear-all~host Base | else pop .
ProtocolFirst
  end pop . | / next ProtocolSecond | else pop .
ProtocolSecond
  end pop . | / next ProtocolEnd | else pop .
ProtocolEnd
  else protocol+clear-all Base
HyphenAsciiWordFirst
  end pop . | letter next HyphenAsciiWord | alpha next HyphenWord | digit next HyphenDigits
  else pop .
HyphenAsciiWord
  end asciihword+clear-all~rewind Hyphenated | letter next . | alpha next HyphenWord
  mark next HyphenWord | digit next HyphenNumWord | - push HyphenAsciiWordFirst
  else asciihword+clear-all~rewind Hyphenated
HyphenWordFirst
  end pop . | alpha next HyphenWord | digit next HyphenDigits | else pop .
HyphenWord
  end hword+clear-all~rewind Hyphenated | alpha next . | mark next . | digit next HyphenNumWord
  - push HyphenWordFirst | else hword+clear-all~rewind Hyphenated
HyphenNumWordFirst
  end pop . | alpha next HyphenNumWord | digit next HyphenDigits | else pop .
HyphenNumWord
  end numhword+clear-all~rewind Hyphenated | alnum next . | mark next .
  - push HyphenNumWordFirst | else numhword+clear-all~rewind Hyphenated
HyphenDigits
  end pop . | digit next . | alpha next HyphenNumWord | mark next HyphenNumWord | else pop .
Hyphenated
  end rerun Base | letter next AsciiPart | alpha next WordPart | digit push NumberPart
  - push HyphenBetween | else rerun Base
HyphenBetween
  end pop . | alnum blank+clear Hyphenated | mark blank+clear Hyphenated | else pop .
WordPart
  end hword_part Base | alpha next . | mark next . | digit next NumWordPart
  else hword_part Hyphenated
AsciiPart
  end hword_asciipart Base | letter next . | alpha next WordPart | mark next WordPart
  digit next NumWordPart | else hword_asciipart Hyphenated
NumWordPart
  end hword_numpart Base | alnum next . | mark next . | else hword_numpart Hyphenated
NumberPart
  end pop . | digit next . | alpha clear NumWordPart | mark clear NumWordPart | else pop .
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a state."""

    test: str
    token: int  # 0: none found
    move: str  # next push pop clear clear-all merge rerun
    special: str
    target: str  # empty: the state itself


def _step(text: str) -> Step:
    test, actions, target = text.split()
    test = {"dot": ".", "\\\\": "\\"}.get(test, test)
    actions, _, special = actions.partition("~")
    words = actions.split("+")
    token = TOKENS.index(words[0]) + 1 if words[0] in TOKENS else 0
    move = words[-1] if words[-1] not in TOKENS else "next"
    return Step(test, token, move, special, "" if target == "." else target)


def _read() -> dict[str, tuple[Step, ...]]:
    states: dict[str, tuple[Step, ...]] = {}
    name = ""
    for line in _STATES.strip().splitlines():
        if not line.startswith(" "):
            name = line
            states[name] = ()
            continue
        states[name] += tuple(_step(part) for part in line.strip().split(" | "))
    return states


STATES: Final = _read()
"""The steps of each state, in the order in which they are tried."""
