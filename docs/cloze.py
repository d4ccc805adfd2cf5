"""A file in the columns of Story Cloze, made of any stories: python docs/cloze.py STORIES OUT.csv

Of each story its first four sentences, and for the fifth its own (the right one) or that of another
story; which of the two stands first is drawn by chance.
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

from eyebrow.core.scoring.sentences import sentence_spans
from eyebrow.core.stories import open_stories

SENTENCES = [f"InputSentence{n}" for n in range(1, 5)]
QUIZ = ["RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2"]


def main(stories: str, out: str) -> None:
    chance = random.Random(0)
    told = []
    for story in open_stories(stories):
        spans = sentence_spans(story.text, "en", ())[:5]
        if len(spans) == 5:
            told.append([" ".join(story.text[a:b].split()) for a, b in spans])
    others = [row[4] for row in told[1:] + told[:1]]
    with Path(out).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["InputStoryid", *SENTENCES, *QUIZ, "AnswerRightEnding"])
        for n, (row, other) in enumerate(zip(told, others, strict=True)):
            right = chance.choice((1, 2))
            ends = (row[4], other) if right == 1 else (other, row[4])
            rows.writerow([n, *row[:4], *ends, right])


if __name__ == "__main__":
    main(*sys.argv[1:3])
