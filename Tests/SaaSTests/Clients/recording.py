"""A recording to send: a real WAV of any size, filled with noise."""

import hashlib
import random
import struct
from dataclasses import dataclass
from pathlib import Path

HEADER_BYTES = 44
BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Recording:
    path: Path
    size: int
    sha256: str


def make(path, size, seed):
    """16 kHz, 16 bit, one channel. The same size and seed give the same bytes."""
    rng, digest = random.Random(seed), hashlib.sha256()
    samples = size - HEADER_BYTES
    form = [16, 1, 1, 16000, 32000, 2, 16]
    header = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", size - 8, b"WAVEfmt ", *form, b"data", samples)
    with open(path, "wb") as file:
        for block in [header, *[BLOCK] * (samples // BLOCK), samples % BLOCK]:
            data = block if isinstance(block, bytes) else rng.randbytes(block)
            digest.update(data)
            file.write(data)
    return Recording(Path(path), size, digest.hexdigest())


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
