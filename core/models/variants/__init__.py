"""Models that were changed after they were saved: rounded, pruned, packed, adapted."""
