"""Whole words: a recurrent network hears one word and names it at the utterance's last frame.

The state of the last layer at the last frame has seen the whole word; a softmax over the words
stands on it. So the network is an `AcousticModel` with a word for each output and a target at last
frames only, and trains with the same loop, clipping, checkpoints and files as a hybrid network.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pipeline.features.feature_set import FeatureSet
from pipeline.io.errors import UserError
from pipeline.io.rejects import Reject
from pipeline.nnet.batches import IGNORED
from pipeline.nnet.forward import forward
from pipeline.nnet.model_files import HybridModel
from pipeline.nnet.targets import TrainingSet

FORMAT = 1
NORMAL_QUANTILE = 1.959964  # two-sided 95 %


def make_word_set(features: FeatureSet, source: str) -> tuple[TrainingSet, list[str]]:
    """Targets of whole words: a word's index at the last frame of each utterance.

    Args:
        features: the training utterances.
        source: their manifest, to be named in messages.

    Returns:
        The set without the utterances of no or several words (its rejects), and the words, sorted:
        word w is output w.

    Raises:
        UserError: fewer than two different words are left.
    """
    kept, rejects = [], []
    for i, text in enumerate(features.texts):
        number = len(text.split())
        if number == 1 and features.lengths[i] > 0:
            kept.append(i)
            continue
        remedy = "cut it into words, or leave the corpus to a hybrid network"
        reason = f"{number} words; whole words are learned from one a recording"
        rejects.append(Reject(features.utterance_ids[i], source, reason, remedy))
    words = sorted({features.texts[i] for i in kept})
    if len(words) < 2:
        raise UserError(
            f"{source}: {len(kept)} of {features.num_utterances} utterances are a single word, "
            f"{len(words)} different ones; whole words need at least two"
        )
    if rejects:
        features = features.select(kept)
    index = {word: i for i, word in enumerate(words)}
    targets = np.full(features.num_frames, IGNORED, np.int64)
    targets[features.offsets[1:] - 1] = [index[text] for text in features.texts]
    return TrainingSet(features, targets, rejects), words


def classify(
    model: HybridModel, features: FeatureSet, words: Sequence[str]
) -> list[tuple[str, float]]:
    """The best word of each utterance at its last frame, and its log posterior in nats.

    With a prior_scale s above 0 the score is log posterior - s * log prior.
    """
    results = []
    for _, scores in forward(model, features):
        best = int(scores[-1].argmax())
        results.append((words[best], float(scores[-1, best])))
    return results


def accuracy_interval(correct: int, total: int) -> tuple[float, float]:
    """95 % interval of an accuracy in per cent (Wilson 1927; Brown, Cai and DasGupta 2001, eq. 4).

    Raises:
        ValueError: there are no utterances.
    """
    if total < 1:
        raise ValueError("no utterance")
    z2 = NORMAL_QUANTILE**2
    share = correct / total
    middle = (correct + z2 / 2.0) / (total + z2)
    spread = math.sqrt(total * (share * (1.0 - share) + z2 / (4.0 * total)))
    reach = NORMAL_QUANTILE * spread / (total + z2)
    return 100.0 * max(0.0, middle - reach), 100.0 * min(1.0, middle + reach)


def whole_word_results(
    features: FeatureSet, found: Iterable[tuple[str, float]], words: Sequence[str]
) -> dict[str, Any]:
    """What `classify` found against the transcripts; the content of results.json.

    Returns:
        utterances, correct, accuracy (per cent), interval (low and high, 95 %), words, confusions
        (reference, hypothesis, count; correct ones too, most frequent first), speakers (utterances
        and correct of each) and wrong (utterance_id, speaker, reference, hypothesis, score; the
        surest first). A transcript that is not one of the words counts as an error.
    """
    rows = [
        {
            "utterance_id": features.utterance_ids[i],
            "speaker": features.speakers[i],
            "reference": features.texts[i],
            "hypothesis": word,
            "score": score,
        }
        for i, (word, score) in enumerate(found)
    ]
    right = [row for row in rows if row["reference"] == row["hypothesis"]]
    wrong = [row for row in rows if row["reference"] != row["hypothesis"]]
    pairs = Counter((str(row["reference"]), str(row["hypothesis"])) for row in rows)
    low, high = accuracy_interval(len(right), len(rows))
    return {
        "format": FORMAT,
        "utterances": len(rows),
        "correct": len(right),
        "accuracy": 100.0 * len(right) / len(rows),
        "interval": {"low": low, "high": high, "level": 0.95},
        "words": list(words),
        "confusions": [
            {"reference": said, "hypothesis": heard, "count": count}
            for (said, heard), count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
        ],
        "speakers": [
            {
                "speaker": speaker,
                "utterances": sum(row["speaker"] == speaker for row in rows),
                "correct": sum(row["speaker"] == speaker for row in right),
            }
            for speaker in sorted(set(features.speakers))
        ],
        "wrong": sorted(wrong, key=lambda row: (-float(row["score"]), str(row["utterance_id"]))),
    }
