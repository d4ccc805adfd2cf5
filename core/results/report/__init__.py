"""A report on a store: what it says (`content`), in Markdown, HTML or a notebook."""
