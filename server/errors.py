"""SqlError, one class per SQLSTATE that the kernel raises; a feature defines the others it needs.

Rule 1: a message starts in lower case and has no full stop; detail and hint are sentences. The
        wording is PostgreSQL's.
Rule 2: a class is named after PostgreSQL's condition name, which is its docstring; raise the
        class, never SqlError itself.
Rule 3: a position counts characters from 1 in the text of the query the client sent; 0 is none.
"""

from typing import ClassVar, Final

BY_SQLSTATE: Final[dict[str, type["SqlError"]]] = {}


class SqlError(Exception):
    """An error the client must see."""

    sqlstate: ClassVar[str] = "XX000"
    routine: ClassVar[str] = ""  # the function of PostgreSQL that drivers know the error by
    internal_position: int = 0  # in a query that a function runs, which is internal_query
    internal_query: str = ""
    row: int = -1  # which of the rows that are written at once it is about

    def __init_subclass__(cls, *, sqlstate: str = "") -> None:
        if not sqlstate:  # a refinement keeps the state of its parent
            assert cls.sqlstate in BY_SQLSTATE, cls
            return
        assert sqlstate not in BY_SQLSTATE, sqlstate
        cls.sqlstate = sqlstate
        BY_SQLSTATE[sqlstate] = cls

    def __init__(  # noqa: PLR0913  (one argument for each field of an ErrorResponse)
        self,
        message: str,
        *,
        detail: str = "",
        hint: str = "",
        position: int = 0,
        context: str = "",
        schema: str = "",
        table: str = "",
        column: str = "",
        constraint: str = "",
        datatype: str = "",
    ) -> None:
        assert message, "an error needs a message"
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position
        self.context = context
        self.schema = schema
        self.table = table
        self.column = column
        self.constraint = constraint
        self.datatype = datatype

    @property
    def is_intervention(self) -> bool:
        """Whether it is about the statement as a whole: a cancel request, a timeout, a shutdown. It is told once."""
        return self.sqlstate.startswith("57")

    def at(self, position: int) -> "SqlError":
        """Set the position unless it is known already, and return the error itself."""
        self.position = self.position or position
        return self


class ProtocolViolation(SqlError, sqlstate="08P01"):
    """protocol_violation."""


class FeatureNotSupported(SqlError, sqlstate="0A000"):
    """feature_not_supported."""


class InvalidGrantOperation(SqlError, sqlstate="0LP01"):
    """invalid_grant_operation."""


class CardinalityViolation(SqlError, sqlstate="21000"):
    """cardinality_violation."""


class ArraySubscriptError(SqlError, sqlstate="2202E"):
    """array_subscript_error."""


class CharacterNotInRepertoire(SqlError, sqlstate="22021"):
    """character_not_in_repertoire."""


class DatetimeFieldOverflow(SqlError, sqlstate="22008"):
    """datetime_field_overflow."""


class DivisionByZero(SqlError, sqlstate="22012"):
    """division_by_zero."""


class IntervalFieldOverflow(SqlError, sqlstate="22015"):
    """interval_field_overflow."""


class InvalidArgumentForLogarithm(SqlError, sqlstate="2201E"):
    """invalid_argument_for_logarithm."""


class InvalidArgumentForNtileFunction(SqlError, sqlstate="22014"):
    """invalid_argument_for_ntile_function."""


class InvalidArgumentForNthValueFunction(SqlError, sqlstate="22016"):
    """invalid_argument_for_nth_value_function."""


class InvalidArgumentForPowerFunction(SqlError, sqlstate="2201F"):
    """invalid_argument_for_power_function."""


class InvalidArgumentForWidthBucketFunction(SqlError, sqlstate="2201G"):
    """invalid_argument_for_width_bucket_function."""


class InvalidDatetimeFormat(SqlError, sqlstate="22007"):
    """invalid_datetime_format."""


class InvalidEscapeSequence(SqlError, sqlstate="22025"):
    """invalid_escape_sequence."""


class InvalidParameterValue(SqlError, sqlstate="22023"):
    """invalid_parameter_value."""


class InvalidPrecedingOrFollowingSize(SqlError, sqlstate="22013"):
    """invalid_preceding_or_following_size."""


class InvalidRegularExpression(SqlError, sqlstate="2201B"):
    """invalid_regular_expression."""


class InvalidRowCountInLimitClause(SqlError, sqlstate="2201W"):
    """invalid_row_count_in_limit_clause."""


class InvalidRowCountInResultOffsetClause(SqlError, sqlstate="2201X"):
    """invalid_row_count_in_result_offset_clause."""


class InvalidTablesampleArgument(SqlError, sqlstate="2202H"):
    """invalid_tablesample_argument."""


class InvalidTablesampleRepeat(SqlError, sqlstate="2202G"):
    """invalid_tablesample_repeat."""


class InvalidTimeZoneDisplacementValue(SqlError, sqlstate="22009"):
    """invalid_time_zone_displacement_value."""


class ExternalRoutineInvocation(SqlError, sqlstate="39000"):
    """external_routine_invocation_exception."""


class NullValueNotAllowed(SqlError, sqlstate="22004"):
    """null_value_not_allowed."""


class NumericValueOutOfRange(SqlError, sqlstate="22003"):
    """numeric_value_out_of_range."""


class SequenceGeneratorLimitExceeded(SqlError, sqlstate="2200H"):
    """sequence_generator_limit_exceeded."""


class StringDataRightTruncation(SqlError, sqlstate="22001"):
    """string_data_right_truncation."""


class SubstringError(SqlError, sqlstate="22011"):
    """substring_error."""


class ZeroLengthCharacterString(SqlError, sqlstate="2200F"):
    """zero_length_character_string."""


class InvalidTextRepresentation(SqlError, sqlstate="22P02"):
    """invalid_text_representation."""


class InvalidBinaryRepresentation(SqlError, sqlstate="22P03"):
    """invalid_binary_representation."""


class BadCopyFileFormat(SqlError, sqlstate="22P04"):
    """bad_copy_file_format."""


class UntranslatableCharacter(SqlError, sqlstate="22P05"):
    """untranslatable_character."""


class NonNumericSqlJsonItem(SqlError, sqlstate="22036"):
    """non_numeric_sql_json_item."""


class SingletonSqlJsonItemRequired(SqlError, sqlstate="22038"):
    """singleton_sql_json_item_required."""


class SqlJsonArrayNotFound(SqlError, sqlstate="22039"):
    """sql_json_array_not_found."""


class SqlJsonMemberNotFound(SqlError, sqlstate="2203A"):
    """sql_json_member_not_found."""


class SqlJsonNumberNotFound(SqlError, sqlstate="2203B"):
    """sql_json_number_not_found."""


class SqlJsonObjectNotFound(SqlError, sqlstate="2203C"):
    """sql_json_object_not_found."""


class NotNullViolation(SqlError, sqlstate="23502"):
    """not_null_violation."""


class ForeignKeyViolation(SqlError, sqlstate="23503"):
    """foreign_key_violation."""


class UniqueViolation(SqlError, sqlstate="23505"):
    """unique_violation."""


class CheckViolation(SqlError, sqlstate="23514"):
    """check_violation."""


class ExclusionViolation(SqlError, sqlstate="23P01"):
    """exclusion_violation."""


class InvalidCursorState(SqlError, sqlstate="24000"):
    """invalid_cursor_state."""


class ActiveSqlTransaction(SqlError, sqlstate="25001"):
    """active_sql_transaction."""


class ReadOnlySqlTransaction(SqlError, sqlstate="25006"):
    """read_only_sql_transaction."""


class NoActiveSqlTransaction(SqlError, sqlstate="25P01"):
    """no_active_sql_transaction."""


class InFailedSqlTransaction(SqlError, sqlstate="25P02"):
    """in_failed_sql_transaction."""


class IdleInTransactionSessionTimeout(SqlError, sqlstate="25P03"):
    """idle_in_transaction_session_timeout."""


class InvalidSqlStatementName(SqlError, sqlstate="26000"):
    """invalid_sql_statement_name."""


class TriggeredDataChangeViolation(SqlError, sqlstate="27000"):
    """triggered_data_change_violation."""


class InvalidAuthorizationSpecification(SqlError, sqlstate="28000"):
    """invalid_authorization_specification."""


class InvalidPassword(SqlError, sqlstate="28P01"):
    """invalid_password."""


class DependentObjectsStillExist(SqlError, sqlstate="2BP01"):
    """dependent_objects_still_exist."""


class InvalidTransactionTermination(SqlError, sqlstate="2D000"):
    """invalid_transaction_termination."""


class InvalidCursorName(SqlError, sqlstate="34000"):
    """invalid_cursor_name."""


class InvalidSavepointSpecification(SqlError, sqlstate="3B001"):
    """invalid_savepoint_specification."""


class InvalidCatalogName(SqlError, sqlstate="3D000"):
    """invalid_catalog_name."""


class InvalidSchemaName(SqlError, sqlstate="3F000"):
    """invalid_schema_name."""


class SerializationFailure(SqlError, sqlstate="40001"):
    """serialization_failure."""


class DeadlockDetected(SqlError, sqlstate="40P01"):
    """deadlock_detected."""


class SqlSyntaxError(SqlError, sqlstate="42601"):
    """syntax_error."""


class InsufficientPrivilege(SqlError, sqlstate="42501"):
    """insufficient_privilege."""


class CannotCoerce(SqlError, sqlstate="42846"):
    """cannot_coerce."""


class GroupingError(SqlError, sqlstate="42803"):
    """grouping_error."""


class WindowingError(SqlError, sqlstate="42P20"):
    """windowing_error."""


class InvalidRecursion(SqlError, sqlstate="42P19"):
    """invalid_recursion."""


class InvalidForeignKey(SqlError, sqlstate="42830"):
    """invalid_foreign_key."""


class InvalidName(SqlError, sqlstate="42602"):
    """invalid_name."""


class DatatypeMismatch(SqlError, sqlstate="42804"):
    """datatype_mismatch."""


class IndeterminateDatatype(SqlError, sqlstate="42P18"):
    """indeterminate_datatype."""


class CollationMismatch(SqlError, sqlstate="42P21"):
    """collation_mismatch."""


class IndeterminateCollation(SqlError, sqlstate="42P22"):
    """indeterminate_collation."""


class WrongObjectType(SqlError, sqlstate="42809"):
    """wrong_object_type."""


class GeneratedAlways(SqlError, sqlstate="428C9"):
    """generated_always."""


class UndefinedColumn(SqlError, sqlstate="42703"):
    """undefined_column."""


class UndefinedFunction(SqlError, sqlstate="42883"):
    """undefined_function."""


class UndefinedTable(SqlError, sqlstate="42P01"):
    """undefined_table."""


class UndefinedParameter(SqlError, sqlstate="42P02"):
    """undefined_parameter."""


class UndefinedObject(SqlError, sqlstate="42704"):
    """undefined_object."""


class DuplicateColumn(SqlError, sqlstate="42701"):
    """duplicate_column."""


class DuplicateCursor(SqlError, sqlstate="42P03"):
    """duplicate_cursor."""


class DuplicateDatabase(SqlError, sqlstate="42P04"):
    """duplicate_database."""


class DuplicateFunction(SqlError, sqlstate="42723"):
    """duplicate_function."""


class DuplicatePreparedStatement(SqlError, sqlstate="42P05"):
    """duplicate_prepared_statement."""


class DuplicateSchema(SqlError, sqlstate="42P06"):
    """duplicate_schema."""


class DuplicateTable(SqlError, sqlstate="42P07"):
    """duplicate_table."""


class DuplicateAlias(SqlError, sqlstate="42712"):
    """duplicate_alias."""


class DuplicateObject(SqlError, sqlstate="42710"):
    """duplicate_object."""


class AmbiguousColumn(SqlError, sqlstate="42702"):
    """ambiguous_column."""


class ReservedName(SqlError, sqlstate="42939"):
    """reserved_name."""


class AmbiguousFunction(SqlError, sqlstate="42725"):
    """ambiguous_function."""


class AmbiguousParameter(SqlError, sqlstate="42P08"):
    """ambiguous_parameter."""


class AmbiguousAlias(SqlError, sqlstate="42P09"):
    """ambiguous_alias."""


class InvalidColumnReference(SqlError, sqlstate="42P10"):
    """invalid_column_reference."""


class InvalidColumnDefinition(SqlError, sqlstate="42611"):
    """invalid_column_definition."""


class InvalidCursorDefinition(SqlError, sqlstate="42P11"):
    """invalid_cursor_definition."""


class InvalidFunctionDefinition(SqlError, sqlstate="42P13"):
    """invalid_function_definition."""


class InvalidTableDefinition(SqlError, sqlstate="42P16"):
    """invalid_table_definition."""


class InvalidObjectDefinition(SqlError, sqlstate="42P17"):
    """invalid_object_definition."""


class WithCheckOptionViolation(SqlError, sqlstate="44000"):
    """with_check_option_violation."""


class InsufficientResources(SqlError, sqlstate="53000"):
    """insufficient_resources."""


class DiskFull(SqlError, sqlstate="53100"):
    """disk_full."""


class OutOfMemory(SqlError, sqlstate="53200"):
    """out_of_memory."""


class ConfigurationLimitExceeded(SqlError, sqlstate="53400"):
    """configuration_limit_exceeded."""


class TooManyConnections(SqlError, sqlstate="53300"):
    """too_many_connections."""


class NameTooLong(SqlError, sqlstate="42622"):
    """name_too_long."""


class ProgramLimitExceeded(SqlError, sqlstate="54000"):
    """program_limit_exceeded."""


class StatementTooComplex(SqlError, sqlstate="54001"):
    """statement_too_complex."""


class TooManyColumns(SqlError, sqlstate="54011"):
    """too_many_columns."""


class TooManyArguments(SqlError, sqlstate="54023"):
    """too_many_arguments."""


class ObjectNotInPrerequisiteState(SqlError, sqlstate="55000"):
    """object_not_in_prerequisite_state."""


class ObjectInUse(SqlError, sqlstate="55006"):
    """object_in_use."""


class CantChangeRuntimeParam(SqlError, sqlstate="55P02"):
    """cant_change_runtime_param."""


class LockNotAvailable(SqlError, sqlstate="55P03"):
    """lock_not_available."""


class UnsafeNewEnumValueUsage(SqlError, sqlstate="55P04"):
    """unsafe_new_enum_value_usage."""


class QueryCanceled(SqlError, sqlstate="57014"):
    """query_canceled."""


class AdminShutdown(SqlError, sqlstate="57P01"):
    """admin_shutdown."""


class CannotConnectNow(SqlError, sqlstate="57P03"):
    """cannot_connect_now."""


class DatabaseDropped(SqlError, sqlstate="57P04"):
    """database_dropped."""


class IdleSessionTimeout(SqlError, sqlstate="57P05"):
    """idle_session_timeout."""


class IoError(SqlError, sqlstate="58030"):
    """io_error."""


class UndefinedFile(SqlError, sqlstate="58P01"):
    """undefined_file."""


class DataException(SqlError, sqlstate="22000"):
    """Data is not as an operation needs it."""


class InternalError(SqlError, sqlstate="XX000"):
    """internal_error."""


class DataCorrupted(SqlError, sqlstate="XX001"):
    """data_corrupted."""


class IndexCorrupted(SqlError, sqlstate="XX002"):
    """index_corrupted."""
