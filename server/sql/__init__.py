"""SQL text to trees; README.md has the vocabulary."""
