"""English words that hold sentences together more than they say: a closed, curated list.

Determiners, pronouns, prepositions, conjunctions, auxiliaries and their contractions, particles,
and the few adverbs that behave like them, lower case. What other lists count besides (numbers,
"very", "well", "back") is left to the other words. Apostrophes are straight.
"""

from __future__ import annotations

_DETERMINERS = """
a an the this that these those each every either neither some any no all both half such another
other many much more most few fewer less least several enough what which whose
"""
_PRONOUNS = """
i me my mine myself you your yours yourself yourselves he him his himself she her hers herself it
its itself we us our ours ourselves they them their theirs themselves one's who whom whoever
whatever whichever someone somebody something anyone anybody anything everyone everybody
everything nobody nothing none
"""
_PREPOSITIONS = """
about above across after against along amid among around as at before behind below beneath beside
besides between beyond by down during except for from in inside into like near of off on onto out
outside over past per since through throughout to toward towards under underneath until till unto
up upon via with within without
"""
_CONJUNCTIONS = """
and but or nor so yet if because although though unless while whereas when whenever where wherever
whether than once how why
"""
_AUXILIARIES = """
am is are was were be been being have has had having do does did doing done will would shall should
can could may might must ought cannot
"""
_CONTRACTIONS = """
i'm i'd i'll i've you're you'd you'll you've he's he'd he'll she's she'd she'll it's it'd it'll
we're we'd we'll we've they're they'd they'll they've that's that'd that'll there's there'd
there'll here's who's who'd who'll what's what'd what'll where's when's how's why's let's isn't
aren't wasn't weren't haven't hasn't hadn't don't doesn't didn't won't wouldn't shan't shouldn't
can't couldn't mayn't mightn't mustn't needn't ain't
"""
_PARTICLES = "not there here then too also just only even"

FIRST_PERSON = frozenset({"i", "i'm", "i'd", "i'll", "i've"})  # capital wherever they stand
FUNCTION_WORDS = frozenset(
    " ".join(
        [
            *(_DETERMINERS, _PRONOUNS, _PREPOSITIONS, _CONJUNCTIONS),
            *(_AUXILIARIES, _CONTRACTIONS, _PARTICLES),
        ]
    ).split()
)
