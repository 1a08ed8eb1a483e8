"""Sentences of an artificial domain: a grammar with word classes, where words prefer words.

Every sentence is drawn, none is copied. A class's words have Zipf's frequencies in the order given;
after another content word, a few of them are much more likely, always the same ones: so n-grams
tell more than single words, and more of them than a small corpus shows.
"""

from __future__ import annotations

import re
import zlib
from functools import cache

import numpy as np

FAVOURITES = 6  # words of a class that go with the content word before
FAVOURITE_PROBABILITY = 0.6  # of taking one of them
ZIPF_OFFSET = 2.0  # probability of the word of rank r: 1 / (r + offset), r from 0

CLASSES: dict[str, list[str]] = {
    name: words.split()
    for name, words in {
        "person": """
            mary john anna peter susan thomas helen robert laura michael emma daniel julia martin
            sarah andrew nina victor alice george carol henry diana oscar rosa simon teresa walter
            vera philip irene albert clara edward monica felix""",
        "job": """
            doctor teacher farmer driver singer baker lawyer sailor nurse painter soldier dentist
            writer carpenter manager student waiter engineer gardener pilot mayor plumber tailor
            butcher hunter judge actor librarian fisherman mechanic""",
        "kin": "brother sister mother father uncle cousin neighbor friend daughter grandfather",
        "animal": """
            dog cat horse rabbit chicken sheep goat duck parrot turtle donkey camel tiger monkey
            elephant spider squirrel fox wolf bear owl eagle salmon lizard penguin""",
        "food": """
            bread cheese apples soup rice potatoes butter honey chicken tomatoes onions cake salad
            pepper garlic beans carrots chocolate lemons noodles pancakes sugar mushrooms bananas
            cabbage cherries cookies olives peanuts pumpkin spinach strawberries""",
        "drink": "coffee tea milk water juice lemonade wine beer cider cocoa",
        "thing": """
            book letter table lamp bicycle camera guitar window ladder basket hammer blanket mirror
            bottle clock carpet wallet umbrella telephone piano necklace pencil jacket suitcase
            curtain drum engine flag helmet kettle magazine mattress needle newspaper notebook
            pillow radio ribbon scissors shovel sofa statue sweater telescope ticket towel trumpet
            violin wagon whistle cupboard bracelet""",
        "building": """
            house kitchen garden station market library school hospital church museum factory
            theater bakery castle harbor hotel office restaurant stadium tower bridge garage
            cathedral prison temple warehouse attic cellar balcony chapel""",
        "land": """
            river forest village mountain beach valley island desert lake meadow canyon coast
            swamp volcano waterfall cave glacier prairie orchard vineyard""",
        "city": """
            london paris berlin boston chicago madrid dublin vienna moscow denver athens lisbon
            dallas geneva houston jakarta nairobi prague toronto sydney warsaw oslo""",
        "quality": """
            old new small large heavy broken beautiful empty expensive cheap strange golden dusty
            famous narrow quiet round wooden ancient bright clean cold curious dangerous dark deep
            dirty elegant fresh gentle giant hollow hungry lazy little loud lovely lonely modern
            noisy plain polite proud rusty shiny simple square tiny ugly useful warm wet yellow
            purple silver orange""",
        "did": """
            found bought sold painted repaired carried lost opened watched dropped borrowed cleaned
            admired built covered damaged delivered described destroyed discovered examined hid
            ignored inspected measured moved noticed ordered packed polished protected pulled
            pushed remembered replaced returned shared stole touched washed wrapped""",
        "ate": "ate cooked tasted served prepared refused enjoyed finished sliced burned",
        "went": """
            walked ran drove traveled hurried wandered marched sailed jumped climbed crawled
            galloped returned escaped moved""",
        "said": """
            said thought believed knew heard claimed explained suspected admitted announced
            guessed imagined insisted predicted""",
        "manner": """
            slowly quickly carefully suddenly quietly happily often never always secretly rarely
            angrily calmly eagerly gently gladly kindly nervously patiently politely proudly
            sadly silently usually""",
        "weekday": "monday tuesday wednesday thursday friday saturday sunday",
        "month": """
            january february march april may june july august september october november
            december""",
        "part": "morning evening afternoon night summer winter autumn spring",
        "count": """
            two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
            sixteen twenty thirty forty fifty ninety""",
        "unit": "hours days weeks minutes months years miles dollars",
        "many": """
            dogs horses books letters tickets bottles candles flowers windows chairs coins boxes
            buttons children visitors tourists soldiers pictures baskets lanterns""",
        "weather": "rain snow wind fog thunder sunshine frost hail lightning clouds",
        "feeling": """
            tired happy angry afraid hungry nervous proud lonely thirsty surprised jealous ready
            sick busy famous rich poor worried cheerful confused""",
    }.items()
}
# Parts in <>: a class, or a rule of this grammar; earlier alternatives are likelier (Zipf).
RULES: dict[str, list[str]] = {
    "sentence": [
        "<clause>",
        "<clause> <when>",
        "<when> <clause>",
        "<who> <said> that <clause>",
        "<clause> and <clause>",
        "<question>",
        "<clause> because <state>",
        "please <order>",
        "<clause> but <state>",
        "if <state> then <future>",
        "<future> <when>",
        "the <weather> <manner> came from the <land>",
        "it took <count> <unit> to reach <place>",
    ],
    "clause": [
        "<who> <did> <what>",
        "<who> <manner> <did> <what>",
        "<who> <went> <where>",
        "<who> <ate> <meal>",
        "<who> <did> <what> <where>",
        "<who> gave <what> to <who>",
        "there were <count> <many> <where>",
        "<what> was <quality> and <quality>",
        "<who> saw <who> <where>",
        "<who> lived in <city> for <count> <unit>",
        "<who> paid <count> dollars for <what>",
    ],
    "state": [
        "<who> was <feeling>",
        "the <building> was <quality>",
        "the <animal> was <feeling>",
        "there was too much <weather>",
        "nobody <did> <what>",
        "<who> needed <meal>",
    ],
    "future": [
        "<who> will go to <place>",
        "we will visit <city>",
        "<who> will bring <what>",
        "they should leave the <building>",
        "you can keep <what>",
    ],
    "question": [
        "where did <who> find <what>",
        "who <did> <what>",
        "why was <who> so <feeling>",
        "how many <many> are <where>",
        "did you see <who> <where>",
        "when will <who> travel to <city>",
    ],
    "order": [
        "bring <what> to <place>",
        "do not touch <what>",
        "call <who> on <weekday>",
        "wait <count> <unit> for <who>",
        "buy <meal>",
    ],
    "who": [
        "<person>",
        "the <job>",
        "my <kin>",
        "<person> the <job>",
        "his <kin>",
        "the <quality> <job>",
        "the <animal>",
    ],
    "what": [
        "the <thing>",
        "a <quality> <thing>",
        "the <quality> <thing>",
        "her <thing>",
        "<count> <many>",
        "the <animal>",
        "this <quality> <animal>",
    ],
    "meal": [
        "<food>",
        "some <food>",
        "<food> with <food>",
        "<food> and <drink>",
        "a cup of <drink>",
        "<count> bottles of <drink>",
    ],
    "place": ["the <building>", "<city>", "the <land>", "the <quality> <building>"],
    "where": [
        "in the <building>",
        "near the <land>",
        "to the <building>",
        "in <city>",
        "behind the <building>",
        "from <city> to <city>",
        "across the <land>",
        "under the <thing>",
    ],
    "when": [
        "on <weekday>",
        "in the <part>",
        "last <month>",
        "on <weekday> <part>",
        "<count> <unit> ago",
        "every <part>",
        "after <count> <unit>",
        "in <month>",
    ],
}
PART = re.compile(r"<(\w+)>")


def vocabulary() -> list[str]:
    """Every word that a sentence can have, sorted."""
    words = {word for listed in CLASSES.values() for word in listed}
    for alternatives in RULES.values():
        for alternative in alternatives:
            words.update(PART.sub(" ", alternative).split())
    return sorted(words)


@cache
def _cumulative_zipf(count: int) -> tuple[float, ...]:
    shares = 1.0 / (np.arange(count) + ZIPF_OFFSET)
    return tuple(np.cumsum(shares / shares.sum()).tolist())


def _ranked(rng: np.random.Generator, count: int) -> int:
    return min(count - 1, int(np.searchsorted(_cumulative_zipf(count), rng.random())))


@cache
def _favourites(name: str, before: str) -> tuple[str, ...]:
    """Words of a class that go with the content word `before`: the same ones for every seed."""
    order = np.random.default_rng(zlib.crc32(f"{name} {before}".encode()))
    words = CLASSES[name]
    return tuple(words[i] for i in order.permutation(len(words))[:FAVOURITES])


def draw_sentence(rng: np.random.Generator) -> list[str]:
    """Words of one sentence, in lower case."""
    words: list[str] = []
    before = ""  # the content word drawn last
    waiting = ["<sentence>"]
    while waiting:
        part = waiting.pop()
        name = part.strip("<>")
        if not part.startswith("<"):
            words.append(part)
        elif name in RULES:
            alternatives = RULES[name]
            waiting += reversed(alternatives[_ranked(rng, len(alternatives))].split())
        else:
            if before and rng.random() < FAVOURITE_PROBABILITY:
                favourites = _favourites(name, before)
                before = favourites[_ranked(rng, len(favourites))]
            else:
                before = CLASSES[name][_ranked(rng, len(CLASSES[name]))]
            words.append(before)
    return words
