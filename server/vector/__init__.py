"""Columns and batches: the arrays that operators and kernels work on."""
