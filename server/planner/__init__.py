"""Parsed statements to plans: names, types, rewrites, costs. README of the way is plan_statement.py."""
