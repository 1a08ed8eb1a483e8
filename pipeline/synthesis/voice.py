"""A trained voice on disk, and how it speaks: words -> timed phones -> parameters -> wave."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.config import VocoderOptions
from pipeline.io.atomic import write_json
from pipeline.io.errors import UserError
from pipeline.io.versions import check_format
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import load_model
from pipeline.synthesis.durations import DurationModel
from pipeline.synthesis.linguistic import LinguisticFeatures, Phone
from pipeline.synthesis.vocoder import VOICED, Vocoder

FORMAT = 1
FILE_NAME = "voice.json"


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation (D,) of the parameters; voicing is left alone."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def estimate(cls, frames: NDArray[np.float64]) -> Normalisation:
        """Of (T, D) parameters."""
        mean, scale = frames.mean(axis=0), np.maximum(frames.std(axis=0), 1e-6)
        mean[VOICED], scale[VOICED] = 0.0, 1.0
        return cls(mean, scale)

    def apply(self, frames: NDArray[np.float64]) -> NDArray[np.float32]:
        """Parameters -> what the network learns."""
        return ((frames - self.mean) / self.scale).astype(np.float32)

    def undo(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The network's outputs -> parameters."""
        return outputs * self.scale + self.mean


@dataclass(frozen=True)
class VoiceDescription:
    """All of a voice but its network."""

    vocoder: Vocoder
    num_phones: int  # the largest phone_id
    silence: int  # phone_id
    pause_frames: int
    speakers: tuple[str, ...]
    lexicon: Mapping[str, tuple[int, ...]]  # word -> phone_ids
    durations: DurationModel
    normalisation: Normalisation

    @property
    def features(self) -> LinguisticFeatures:
        """What the network reads."""
        return LinguisticFeatures(self.num_phones, self.speakers)

    def save(self, folder: Path) -> None:
        """Write voice.json."""
        write_json(
            folder / FILE_NAME,
            {
                "format": FORMAT,
                "sampling_rate": self.vocoder.sampling_rate,
                "vocoder": self.vocoder.options.model_dump(mode="json"),
                "num_phones": self.num_phones,
                "silence": self.silence,
                "pause_frames": self.pause_frames,
                "speakers": list(self.speakers),
                "lexicon": {word: list(ids) for word, ids in self.lexicon.items()},
                "durations": self.durations.to_json(),
                "mean": self.normalisation.mean.tolist(),
                "scale": self.normalisation.scale.tolist(),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> VoiceDescription:
        """Read voice.json.

        Raises:
            UserError: it is missing or damaged.
        """
        path = folder / FILE_NAME
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            check_format(data, FORMAT, path)
            options = VocoderOptions.model_validate(data["vocoder"])
            return cls(
                Vocoder(data["sampling_rate"], options),
                data["num_phones"],
                data["silence"],
                data["pause_frames"],
                tuple(data["speakers"]),
                {word: tuple(ids) for word, ids in data["lexicon"].items()},
                DurationModel.from_json(data["durations"]),
                Normalisation(np.array(data["mean"]), np.array(data["scale"])),
            )
        except FileNotFoundError:
            raise UserError(f"{path}: no such voice; train it") from None
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: damaged ({error}); train the voice again") from None


class Voice:
    """A voice that speaks."""

    def __init__(self, description: VoiceDescription, network: AcousticModel) -> None:
        self.description = description
        self._network = network.eval()

    @classmethod
    def load(cls, folder: Path) -> Voice:
        """Read a folder that train_voice wrote.

        Raises:
            UserError: a file is missing or damaged.
        """
        return cls(VoiceDescription.load(folder), load_model(folder).network)

    def phones(self, words: Sequence[str], speaker: str, rate: float = 1.0) -> list[Phone]:
        """Phones with durations; a pause before, between and after the words.

        Raises:
            UserError: an unknown word or speaker.
        """
        about = self.description
        if speaker not in about.speakers:
            raise UserError(f"speaker {speaker}: the voice knows {', '.join(about.speakers)}")
        ids = [about.silence]
        for word in words:
            if word not in about.lexicon:
                raise UserError(f"{word}: not in the voice's lexicon; add its pronunciation")
            ids += [*about.lexicon[word], about.silence]
        phones = []
        for i, phone_id in enumerate(ids):
            if phone_id == about.silence:
                phones.append(Phone(phone_id, about.pause_frames))
                continue
            try:
                phones.append(Phone(phone_id, about.durations.frames(speaker, ids, i, rate)))
            except KeyError:
                raise UserError(
                    f"{' '.join(words)}: phone {phone_id} was hardly heard in the training"
                ) from None
        return [phone for phone in phones if phone.num_frames]

    @torch.inference_mode()
    def parameters(self, phones: Sequence[Phone], speaker: str) -> NDArray[np.float64]:
        """(T, D) parameters of the vocoder."""
        rows = self.description.features.rows(phones, speaker)
        delay = self._network.options.target_delay
        frames = torch.from_numpy(np.concatenate([rows, np.repeat(rows[-1:], delay, axis=0)]))
        outputs = self._network(frames[None], torch.tensor([len(frames)]))[0, delay:]
        outputs[:, VOICED] = outputs[:, VOICED].sigmoid()
        return self.description.normalisation.undo(outputs.double().numpy())

    def speak(self, words: Sequence[str], speaker: str, rate: float = 1.0) -> NDArray[np.float32]:
        """(n,) samples.

        Raises:
            UserError: an unknown word or speaker.
        """
        phones = self.phones(words, speaker, rate)
        return self.description.vocoder.synthesise(self.parameters(phones, speaker))
