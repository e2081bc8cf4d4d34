"""Functions of text that citext has once more, without regard to case: otherwise calls would find those of text."""

from __future__ import annotations

from typing import Final

_WITH_FLAG: Final = "case when pg_catalog.strpos($3, 'c') = 0 then $3 || 'i' else $3 end"
_LAST_FLAG: Final = "case when pg_catalog.strpos($4, 'c') = 0 then $4 || 'i' else $4 end"
_LITERAL: Final = r"pg_catalog.regexp_replace($2::text, '([^a-zA-Z_0-9])', E'\\\\\\1', 'g')"
# Arguments, result, and the expression in the body.
FUNCTIONS: Final = (
    (
        "regexp_match",
        "citext, citext",
        "text[]",
        "pg_catalog.regexp_match($1::text, $2::text, 'i')",
    ),
    (
        "regexp_match",
        "citext, citext, text",
        "text[]",
        f"pg_catalog.regexp_match($1::text, $2::text, {_WITH_FLAG})",
    ),
    (
        "regexp_matches",
        "citext, citext",
        "setof text[]",
        "pg_catalog.regexp_matches($1::text, $2::text, 'i')",
    ),
    (
        "regexp_matches",
        "citext, citext, text",
        "setof text[]",
        f"pg_catalog.regexp_matches($1::text, $2::text, {_WITH_FLAG})",
    ),
    (
        "regexp_replace",
        "citext, citext, text",
        "text",
        "pg_catalog.regexp_replace($1::text, $2::text, $3, 'i')",
    ),
    (
        "regexp_replace",
        "citext, citext, text, text",
        "text",
        f"pg_catalog.regexp_replace($1::text, $2::text, $3, {_LAST_FLAG})",
    ),
    (
        "regexp_split_to_array",
        "citext, citext",
        "text[]",
        "pg_catalog.regexp_split_to_array($1::text, $2::text, 'i')",
    ),
    (
        "regexp_split_to_array",
        "citext, citext, text",
        "text[]",
        f"pg_catalog.regexp_split_to_array($1::text, $2::text, {_WITH_FLAG})",
    ),
    (
        "regexp_split_to_table",
        "citext, citext",
        "setof text",
        "pg_catalog.regexp_split_to_table($1::text, $2::text, 'i')",
    ),
    (
        "regexp_split_to_table",
        "citext, citext, text",
        "setof text",
        f"pg_catalog.regexp_split_to_table($1::text, $2::text, {_WITH_FLAG})",
    ),
    (
        "strpos",
        "citext, citext",
        "int4",
        "pg_catalog.strpos(pg_catalog.lower($1::text), pg_catalog.lower($2::text))",
    ),
    (
        "replace",
        "citext, citext, citext",
        "text",
        f"pg_catalog.regexp_replace($1::text, {_LITERAL}, $3::text, 'gi')",
    ),
    (
        "split_part",
        "citext, citext, int4",
        "text",
        f"(pg_catalog.regexp_split_to_array($1::text, {_LITERAL}, 'i'))[$3]",
    ),
    (
        "translate",
        "citext, citext, text",
        "text",
        "pg_catalog.translate(pg_catalog.translate($1::text, pg_catalog.lower($2::text), $3), "
        "pg_catalog.upper($2::text), $3)",
    ),
)
PATTERN_SIGNS: Final = (
    ("~<~", "citext_pattern_lt", "~>~", "~>=~"),
    ("~<=~", "citext_pattern_le", "~>=~", "~>~"),
    ("~>=~", "citext_pattern_ge", "~<=~", "~<~"),
    ("~>~", "citext_pattern_gt", "~<~", "~<=~"),
)
CLASSES: Final = """
create operator class citext_ops default for type citext using btree as
  operator 1 <(citext, citext), operator 2 <=(citext, citext), operator 3 =(citext, citext),
  operator 4 >=(citext, citext), operator 5 >(citext, citext),
  function 1 citext_cmp(citext, citext);
create operator class citext_ops default for type citext using hash as
  operator 1 =(citext, citext), function 1 citext_hash(citext),
  function 2 citext_hash_extended(citext, int8);
create operator class citext_pattern_ops for type citext using btree as
  operator 1 ~<~(citext, citext), operator 2 ~<=~(citext, citext), operator 3 =(citext, citext),
  operator 4 ~>=~(citext, citext), operator 5 ~>~(citext, citext),
  function 1 citext_pattern_cmp(citext, citext);
"""


def script() -> str:
    """The SQL that makes functions, operators and operator classes."""
    parts = [
        f"create function {name}({arguments}) returns {result} language sql immutable strict "
        f"parallel safe{' rows 1' if name == 'regexp_matches' else ''} as $$select {body}$$;"
        for name, arguments, result, body in FUNCTIONS
    ]
    parts += [
        f"create operator {sign} (leftarg = citext, rightarg = citext, procedure = {function}, "
        f"commutator = {commutator}, negator = {negator});"
        for sign, function, commutator, negator in PATTERN_SIGNS
    ]
    return "\n".join((*parts, CLASSES))
