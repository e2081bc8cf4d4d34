"""KINDS: every kind of catalog object, in the order of the numbers under which storage keeps them."""

from __future__ import annotations

from server.catalog.collations import Collation
from server.catalog.conversions import Conversion
from server.catalog.event_triggers import EventTrigger
from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer, UserMapping
from server.catalog.large_objects import LargeObject
from server.catalog.objects import (
    CatalogObject,
    Constraint,
    Database,
    DefaultPrivileges,
    ExtensionObject,
    Index,
    Policy,
    Role,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.operator_class_objects import (
    FamilyFunction,
    FamilyOperator,
    OperatorClass,
    OperatorFamily,
)
from server.catalog.publication_objects import (
    Publication,
    PublishedSchema,
    PublishedTable,
    Subscription,
)
from server.catalog.role_settings import RoleSettings
from server.catalog.routine_objects import UserCast, UserFunction, UserOperator
from server.catalog.statistics_objects import ExtendedStatistics, Statistics
from server.catalog.system_privileges import SystemPrivileges
from server.catalog.tablespaces import Tablespace
from server.catalog.text_search_objects import (
    TextSearchConfiguration,
    TextSearchDictionary,
    TextSearchParser,
    TextSearchTemplate,
)
from server.catalog.trigger_objects import Rule, Trigger

KINDS: tuple[type[CatalogObject], ...] = (
    Schema,
    Table,
    Index,
    Constraint,
    Sequence,
    UserType,
    UserFunction,
    Role,
    Database,
    Statistics,
    UserOperator,
    UserCast,
    Policy,
    Trigger,
    TextSearchConfiguration,
    TextSearchDictionary,
    TextSearchParser,
    TextSearchTemplate,
    ExtensionObject,
    DefaultPrivileges,
    ExtendedStatistics,
    Rule,
    Publication,
    PublishedTable,
    PublishedSchema,
    Subscription,
    LargeObject,
    ForeignDataWrapper,
    ForeignServer,
    UserMapping,
    OperatorFamily,
    OperatorClass,
    FamilyOperator,
    FamilyFunction,
    EventTrigger,
    Tablespace,
    Collation,
    Conversion,
    SystemPrivileges,
    RoleSettings,
)
"""Only ever appended to."""
