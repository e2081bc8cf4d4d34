"""SYSTEM_FUNCTIONS: every function of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.catalog.functions import (
    activity,
    channels,
    comments,
    configuration,
    counters,
    data_files,
    definition,
    event_triggers,
    foreign,
    identity,
    index_properties,
    information,
    large_objects,
    object_address,
    object_identity,
    partition,
    privilege,
    properties,
    publication,
    sequence,
    server_files,
    sizes,
    text_search,
    verification,
    visibility,
    xml_mapping,
)

if TYPE_CHECKING:
    from server.functions.function import Function

SYSTEM_FUNCTIONS: Final[tuple[Function, ...]] = (
    *identity.FUNCTIONS,
    *configuration.FUNCTIONS,
    *visibility.FUNCTIONS,
    *xml_mapping.FUNCTIONS,
    *definition.FUNCTIONS,
    *comments.FUNCTIONS,
    *privilege.FUNCTIONS,
    *sizes.FUNCTIONS,
    *sequence.FUNCTIONS,
    *activity.FUNCTIONS,
    *counters.FUNCTIONS,
    *object_identity.FUNCTIONS,
    *object_address.FUNCTIONS,
    *server_files.FUNCTIONS,
    *channels.FUNCTIONS,
    *properties.FUNCTIONS,
    *partition.FUNCTIONS,
    *publication.FUNCTIONS,
    *verification.FUNCTIONS,
    *text_search.FUNCTIONS,
    *large_objects.FUNCTIONS,
    *foreign.FUNCTIONS,
    *event_triggers.FUNCTIONS,
    *data_files.FUNCTIONS,
    *information.FUNCTIONS,
    *index_properties.FUNCTIONS,
)
