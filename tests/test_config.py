"""pipeline/config: what is wrong in a configuration is said in one line that names the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Config, ConfigError, load_config, merge

SMALLEST: dict[str, Any] = {
    "recipe": "toy",
    "title": "Toy",
    "corpus": {"name": "demo"},
    "splits": ["official"],
    "gmm": {"mono": {"type": "mono"}},
    "nnet": {"lstm": {"alignment": "mono"}},
    "grammars": {"loop": {"type": "loop"}},
}


def load(tmp_path: Path, changes: dict[str, Any]) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(SMALLEST), encoding="utf-8")
    return load_config(path, changes)


def test_smallest_configuration_has_all_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, {})
    assert config.root == "exp/toy"
    assert config.decoded_models == ("mono", "lstm")
    assert config.decode.lm_weight == 12.0
    assert config.nnet["lstm"].clipping.threshold == 5.0


VOICE = {
    "alignment": "mono",
    "speakers": ["ann"],
    "judge": {"model": "mono", "grammar": "loop"},
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"corpos": {}}, "corpos: unknown key"),
        (
            {"whole_word": {"training": {"wer_epochs": True}}},
            "whole_word: 'training.wer_epochs': whole words have no graph",
        ),
        ({"nnet": {"lstm": {"model": {"hiden_dim": 4}}}}, "nnet.lstm.model.hiden_dim: unknown key"),
        ({"features": {"num_ceps": 0}}, "features.num_ceps: "),
        ({"features": {"num_ceps": "many"}}, "features.num_ceps: "),
        ({"features": 5}, "features: "),
        ({"splits": []}, "splits: "),
        ({"splits": ["a", "a"]}, "splits: a name stands twice"),
        ({"splits": ["data"]}, "splits: the name 'data' is taken"),
        ({"splits": ["A/../b"]}, "splits.0: "),
        ({"gmm": {"decode": {"type": "mono"}}}, "gmm: the name 'decode' is taken"),
        ({"gmm": {"mono": {"alignment": "tri1"}}}, "gmm.mono.alignment: "),
        ({"gmm": {"tri1": {"type": "deltas"}}}, "gmm.tri1.alignment: must name an earlier rung"),
        ({"gmm": {"mono": {"type": "hmm"}}}, "gmm.mono.type: "),
        ({"nnet": {"lstm": {"alignment": "tri9"}}}, "nnet.lstm.alignment: no rung 'tri9'"),
        ({"nnet": {"mono": {"alignment": "mono"}}}, "nnet.mono: the name is taken"),
        ({"nnet": {"lstm": {"alignment": "lstm"}}}, "nnet.lstm.alignment: no rung 'lstm'"),
        (
            {"nnet": {"two": {"alignment": "lstm"}, "align_lstm": {"alignment": "mono"}}},
            "nnet.lstm: its alignment is called align_lstm",
        ),
        ({"nnet": {"two": {"sequence": {}}}}, "nnet.two.alignment: "),
        ({"nnet": {"two": {"sequence": {"start": [1]}}}}, "nnet.two.sequence.start: must name"),
        (
            {"nnet": {"two": {"sequence": {"start": "two"}}}},
            "nnet.two.sequence.start: must name an earlier network, one of ['lstm']",
        ),
        (
            {"nnet": {"two": {"model": {"num_layers": 3}, "sequence": {"start": "lstm"}}}},
            "nnet.two.sequence.start: model and features are those of lstm; leave them out",
        ),
        (
            {"nnet": {"two": {"augment": {"volume_db": 3}, "sequence": {"start": "lstm"}}}},
            "nnet.two.augment: sequence training does not perturb the audio",
        ),
        (
            {"nnet": {"two": {"quantize": {"start": "two"}}}},
            "nnet.two.quantize.start: must name an earlier network, one of ['lstm']",
        ),
        (
            {"nnet": {"two": {"alignment": "mono", "distill": {"teacher": "big"}}}},
            "nnet.two.distill.teacher: must name an earlier network, one of ['lstm']",
        ),
        (
            {"nnet": {"two": {"prune": {"start": "lstm", "fraction": 1.0}}}},
            "nnet.two.prune.fraction: ",
        ),
        (
            {"nnet": {"two": {"distill": {"teacher": "lstm"}, "quantize": {"start": "lstm"}}}},
            "nnet.two: 'distill' and 'quantize': one at a time; make two networks",
        ),
        (
            {
                "nnet": {
                    "two": {
                        "prune": {"start": "lstm", "fraction": 0.5},
                        "training": {"early_stopping_epochs": 2},
                    }
                }
            },
            "nnet.two: 'training.early_stopping_epochs': the first epochs, not yet pruned",
        ),
        (
            {
                "nnet": {
                    "small": {"quantize": {"start": "lstm"}},
                    "two": {"prune": {"start": "small", "fraction": 0.5}},
                }
            },
            "nnet.two.prune.start: small is int8 and cannot be trained on; name its start",
        ),
        (
            {
                "nnet": {
                    "two": {
                        "alignment": "mono",
                        "model": {"norm_vars": True},
                        "distill": {"teacher": "lstm"},
                    }
                }
            },
            "nnet.two.distill.teacher: lstm reads other features",
        ),
        (
            {"nnet": {"two": {"alignment": "lstm", "features": "fmllr"}}},
            "nnet.two.features: fmllr needs an alignment of type sat",
        ),
        (
            {"synthesis": {"voice": VOICE | {"alignment": "tri9"}}},
            "synthesis.voice.alignment: no rung 'tri9' in gmm",
        ),
        ({"synthesis": {"lstm": VOICE}}, "synthesis: the name 'lstm' is taken"),
        ({"synthesis": {"voice": VOICE | {"speakers": []}}}, "synthesis.voice.speakers: "),
        (
            {"synthesis": {"voice": VOICE | {"judge": {"model": "dnn", "grammar": "loop"}}}},
            "synthesis.voice.judge.model: no model 'dnn' is decoded",
        ),
        (
            {"synthesis": {"voice": VOICE | {"judge": {"model": "mono", "grammar": "none"}}}},
            "synthesis.voice.judge.grammar: no grammar 'none'",
        ),
        (
            {"synthesis": {"voice": VOICE | {"augment": {"volume_db": 3}}}},
            "synthesis.voice: 'augment': there is nothing to perturb in phones",
        ),
        ({"models": ["dnn"]}, "models: no GMM rung or network is called 'dnn'"),
        ({"grammars": {"loop": {"type": "arpa"}}}, "grammars.loop: "),
        ({"grammars": {"loop": {"file": "a.arpa"}}}, "grammars.loop: "),
        ({"grammars": {"loop": {"type": "jsgf"}}}, "grammars.loop: "),
        ({"grammars": {"loop": {"order": 4}}}, "grammars.loop: 'order' belongs to type ngram"),
        ({"lang": {"silence_probability": 1.0}}, "lang.silence_probability: "),
        ({"decode": {"decoders": ["julius"]}}, "decode.decoders.0: "),
        ({"corpus": None}, "corpus: "),
    ],
)
def test_a_mistake_is_one_line_that_names_its_key(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, changes)
    message = str(caught.value)
    assert message.startswith(f"--set or --config, over {tmp_path / 'config.yaml'}: {said}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [1", "not valid YAML"),
        (b"\xff\xfe\x00", "not valid YAML"),
        (b"- a\n- b\n", "expected a mapping"),
        (b"", "expected a mapping"),
    ],
)
def test_a_file_that_is_no_mapping(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such configuration"):
        load_config(tmp_path / "none.yaml")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from([*Config.model_fields, "type", "mono", "alignment", "x"]),
            below,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_yaml_is_a_configuration_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, raw: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_text(yaml.safe_dump(merge(SMALLEST, raw) if isinstance(raw, dict) else raw))
    try:
        said = load_config(path).recipe
    except ConfigError as error:
        said = str(error)
    assert len(said.splitlines()) == 1


def test_sequence_training_takes_over_what_its_start_is(tmp_path: Path) -> None:
    changes = {
        "nnet": {
            "lstm": {"model": {"hidden_dim": 32}, "prior_scale": 0.8},
            "mmi": {"sequence": {"start": "lstm"}, "training": {"num_epochs": 3}},
            "again": {"alignment": "lstm", "sequence": {"start": "mmi", "criterion": "smbr"}},
        }
    }
    nets = load(tmp_path, changes).nnet
    assert nets["mmi"].model == nets["again"].model == nets["lstm"].model
    assert (nets["mmi"].alignment, nets["again"].alignment) == ("mono", "lstm")
    assert nets["again"].prior_scale == 0.8
    assert nets["mmi"].training.num_epochs == 3
    assert nets["again"].training == nets["lstm"].training
