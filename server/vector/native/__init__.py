"""Chooses, once, between the compiled twins and their Python specification.

RUSTYDB_NATIVE=0 in the environment forces the specification, so that one test suite runs on both.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING or os.environ.get("RUSTYDB_NATIVE") == "0":
    from server.vector.best_texts import BestTexts
    from server.vector.c_math import angles, of_each, powers
    from server.vector.cut_texts import (
        end_views,
        part_views,
        ranged_views,
        split_views,
        trimmed_views,
    )
    from server.vector.exact_math import logarithms, square_roots
    from server.vector.json_texts import are_json, item_views, member_views
    from server.vector.letter_texts import capitalized_texts, translated_texts
    from server.vector.made_texts import (
        folded_texts,
        gathered_texts,
        integer_texts,
        joined_texts,
        number_texts,
        replaced_texts,
        reversed_texts,
        strung_texts,
    )
    from server.vector.matched_texts import Matcher
    from server.vector.md5_texts import md5_texts
    from server.vector.moments import add_moments, add_pair_moments
    from server.vector.product_words import product_words
    from server.vector.quotient_words import quotient_sums, quotient_words
    from server.vector.read_texts import (
        read_dates,
        read_floats,
        read_integers,
        text_bytes,
        text_objects,
    )
    from server.vector.text_views import (
        TextCodes,
        character_counts,
        compare_views,
        end_hashes,
        folded_like_views,
        like_views,
        part_positions,
        sliced_views,
        stripped_views,
        text_hashes,
        views_among,
    )
    from server.vector.totals import add_floats, add_integers, count_rows
    from server.vector.word_numbers import numbers_of_rows, words_in_use
else:
    from server.vector.native.best_texts import BestTexts
    from server.vector.native.c_math import angles, of_each, powers
    from server.vector.native.cut_texts import (
        end_views,
        part_views,
        ranged_views,
        split_views,
        trimmed_views,
    )
    from server.vector.native.exact_math import logarithms, square_roots
    from server.vector.native.json_texts import are_json, item_views, member_views
    from server.vector.native.letter_texts import capitalized_texts, translated_texts
    from server.vector.native.made_texts import (
        folded_texts,
        gathered_texts,
        integer_texts,
        joined_texts,
        number_texts,
        replaced_texts,
        reversed_texts,
        strung_texts,
    )
    from server.vector.native.matched_texts import Matcher
    from server.vector.native.md5_texts import md5_texts
    from server.vector.native.moments import add_moments, add_pair_moments
    from server.vector.native.product_words import product_words
    from server.vector.native.quotient_words import quotient_sums, quotient_words
    from server.vector.native.read_texts import (
        read_dates,
        read_floats,
        read_integers,
        text_bytes,
        text_objects,
    )
    from server.vector.native.text_views import (
        TextCodes,
        character_counts,
        compare_views,
        end_hashes,
        folded_like_views,
        like_views,
        part_positions,
        sliced_views,
        stripped_views,
        text_hashes,
        views_among,
    )
    from server.vector.native.totals import add_floats, add_integers, count_rows
    from server.vector.native.word_numbers import numbers_of_rows, words_in_use

__all__ = [
    "BestTexts",
    "Matcher",
    "TextCodes",
    "add_floats",
    "add_integers",
    "add_moments",
    "add_pair_moments",
    "angles",
    "are_json",
    "capitalized_texts",
    "character_counts",
    "compare_views",
    "count_rows",
    "end_hashes",
    "end_views",
    "folded_like_views",
    "folded_texts",
    "gathered_texts",
    "integer_texts",
    "item_views",
    "joined_texts",
    "like_views",
    "logarithms",
    "md5_texts",
    "member_views",
    "number_texts",
    "numbers_of_rows",
    "of_each",
    "part_positions",
    "part_views",
    "powers",
    "product_words",
    "quotient_sums",
    "quotient_words",
    "ranged_views",
    "read_dates",
    "read_floats",
    "read_integers",
    "replaced_texts",
    "reversed_texts",
    "sliced_views",
    "split_views",
    "square_roots",
    "stripped_views",
    "strung_texts",
    "text_bytes",
    "text_hashes",
    "text_objects",
    "translated_texts",
    "trimmed_views",
    "views_among",
    "words_in_use",
]
