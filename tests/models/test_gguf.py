"""GGUF files as models."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from eyebrow.core import EyebrowError, open_stories, score
from eyebrow.core.models.catalogue import find_models
from eyebrow.core.models.gguf.header import read_gguf
from eyebrow.core.models.headers import Damaged
from eyebrow.core.models.load import load_model

REAL = Path("/tmp/smollm2-gguf/SmolLM2-135M-Instruct.Q4_1.gguf")
FOLDER = Path("/tmp/smollm2")  # the same, dequantised


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def small(file_type: int = 3) -> bytes:
    """A header with an entry of each kind and two tensors."""
    entries = [
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("general.file_type") + struct.pack("<II", 4, file_type),
        text("some.strings") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("bc"),
        text("some.floats") + struct.pack("<IIQfff", 9, 6, 3, 1.0, 2.0, 3.0),
        text("tokenizer.ggml.add_bos_token") + struct.pack("<I?", 7, True),
    ]
    tensors = [
        text("one") + struct.pack("<IQQIQ", 2, 4, 8, 3, 0),
        text("two") + struct.pack("<IQIQ", 1, 5, 0, 64),
    ]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    return head + b"".join(entries) + b"".join(tensors)


def test_a_header_says_what_the_model_is(tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(small())
    header = read_gguf(file)
    assert (header.parameters, header.tensors, header.quantisation) == (37, 2, "Q4_1")
    assert header.fields["tokenizer.ggml.add_bos_token"] is True
    (spec,) = find_models([str(file)])
    assert (spec.name, spec.source, spec.parameters) == ("tiny.Q4_1", "gguf", 37)
    file.rename(tmp_path / "tiny-q4_1.gguf")
    (spec,) = find_models([f"{tmp_path / 'tiny-q4_1.gguf'}@bits4"])
    assert (spec.name, spec.variant) == ("tiny-q4_1@bits4", "bits4")


def test_a_header_that_is_none(tmp_path: Path) -> None:
    whole, file = small(), tmp_path / "bad.gguf"
    begun = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("an array") + struct.pack("<I", 9)
    endless = [
        begun + struct.pack("<IQ", 4, 1 << 62),
        begun + struct.pack("<IQQ", 8, 1, 1 << 63),
        begun + struct.pack("<IQ", 9, 1) * 5000,
    ]
    for content in (b"", b"GGML", whole[:30], whole[:-3], b"GGUF" + b"\xff" * 60, *endless):
        file.write_bytes(content)
        with pytest.raises(Damaged):
            read_gguf(file)
    with pytest.raises(EyebrowError, match=r"bad\.gguf .*copy it anew"):
        load_model(str(file))
    with pytest.raises(EyebrowError, match="is not there"):
        find_models([str(tmp_path / "none.gguf")])
    with pytest.raises(EyebrowError, match=r"holds bad\.gguf; name the file itself"):
        find_models([str(tmp_path)])


def test_a_gguf_file_scores_as_its_dequantised_folder() -> None:
    pytest.importorskip("gguf", reason="the extra gguf is not installed")
    pytest.importorskip("accelerate", reason="the extra gguf is not installed")
    if not (REAL.is_file() and FOLDER.is_dir()):
        pytest.skip(f"needs {REAL} and {FOLDER}")
    results = score(list(open_stories(None))[:1], [str(REAL), str(FOLDER)], dtype="float32")
    one, other = results.models
    assert one.tokens == other.tokens
    assert one.nll == pytest.approx(other.nll, rel=1e-5)
    assert one.model == "SmolLM2-135M-Instruct.Q4_1"
