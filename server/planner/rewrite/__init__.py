"""Rewrites of logical plans: one module a rule, listed in rules.py."""
