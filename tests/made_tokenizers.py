"""Tokenizers of several makes, trained or written down here, and texts that are hard on them."""

from __future__ import annotations

from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers import trainers as training
from transformers import PreTrainedTokenizerFast

SCRIPTS = {
    "latin": "The naïve café — “Où est-il?” asked Zoë.",
    "greek": "Η γάτα κοίταξε το φεγγάρι.",
    "cyrillic": "Кошка смотрела на луну, ёжик спал.",
    "arabic": "نظرت القطة إلى القمر، ثم نامت.",
    "hebrew": "הַחָתוּל הביט בירח.",
    "devanagari": "बिल्ली ने चाँद को देखा। नमस्ते!",
    "thai": "แมวมองดวงจันทร์แล้วก็หลับไป",
    "han": "猫看着月亮。然后它睡着了！",
    "kana": "ネコは月を見上げた。「きれいだね」と言った。",
    "hangul": "고양이가 달을 바라보았다. 그리고 잠들었다.",
    "ethiopic": "ድመቷ ጨረቃን ተመለከተች።",
    "tamil": "பூனை நிலவைப் பார்த்தது.",
}
ODD = {
    "families": "Hi 👨‍👩‍👧‍👦👩🏽‍🚀!",
    "flags": "🇫🇷🇯🇵 🏴󠁧󠁢󠁳󠁣󠁴󠁿 go",
    "skin tones": "👍🏽👍🏿 ok ☺️",
    "combining": "e\u0301a n\u0303o a\u0323\u0302b",
    "mark first": "\u0301a",
    "spaces": "  lead  and \t trail  ",
    "crlf": "one\r\ntwo\r\n\r\nthree",
    "nul": "a\x00b\x00",
    "controls": "a\x1b[31mb\x7f\u200b\u202ec",
    "specials": "x<|endoftext|>y</s>z <s> <unk>",
    "special first": "<s>The <|endoftext|>",
    "broken already": "a \ufffd b\ufffd",
    "ligatures": "ﬁne Ⅷ ½ ﷺ",
    "case": "HELLO Straße İstanbul ΣΑΣ",
    "wide space": "今日\u3000は\u00a0天気",
    "one space": " ",
    "dummy": "▁already ▁▁ there",
    "nothing": "",
    "half a pair": "a\ud83d b\udc3b",
}
TEXTS = SCRIPTS | ODD
CORPUS = [
    *SCRIPTS.values(),
    *SCRIPTS.values(),
    ODD["families"],
    "👍 👍 👍🏽",
    "the cat sat  on",
] * 2


def fast(backend: Tokenizer, **special: str) -> Any:
    return PreTrainedTokenizerFast(tokenizer_object=backend, **special)


def byte_level(trim: bool, normalizer: Any = None) -> Any:
    """Like GPT-2's, Roberta's (trimmed offsets) and Pythia's (NFC)."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.ByteLevel(trim_offsets=trim)
    if normalizer is not None:
        backend.normalizer = normalizer
    trainer = training.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|endoftext|>", "<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(CORPUS, trainer)
    return fast(backend, bos_token="<s>", eos_token="<|endoftext|>")


def sentencepiece_like() -> Any:
    """Like Llama 2's: a dummy space in front, unknown characters as bytes, BOS put in front."""
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    names += ["▁", *"acehlntu", "th", "▁th", "▁the", "▁c", "at", "▁▁"]
    merges = [("t", "h"), ("▁", "th"), ("▁th", "e"), ("▁", "c"), ("a", "t"), ("▁", "▁")]
    backend = Tokenizer(
        models.BPE(
            {name: i for i, name in enumerate(names)},
            merges,
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    backend.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    backend.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return fast(backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def characters(normalizer: Any, known: str) -> Any:
    """One token a character, behind a normaliser that changes the text; others are unknown."""
    backend = Tokenizer(
        models.WordLevel({c: i for i, c in enumerate(["<unk>", *known])}, unk_token="<unk>")
    )
    backend.normalizer = normalizer
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    return fast(backend, unk_token="<unk>")
