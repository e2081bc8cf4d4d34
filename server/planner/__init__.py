"""Parsed statements to plans: names, types, rewrites, costs; plan_statement.py is the door."""
