"""Models with different tokenizers on the same text."""
