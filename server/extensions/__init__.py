"""Extensions: functions, types and operators that CREATE EXTENSION brings into a database."""
