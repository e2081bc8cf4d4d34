"""The executor: runs physical plans over batches of columns."""
