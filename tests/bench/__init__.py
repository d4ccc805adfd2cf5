"""How fast, how large and how exact scoring is, beside what else people score with."""
