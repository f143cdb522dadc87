"""The catalogue: what weights there are, where they lie, and how to know them.

Sizes and SHA-256 are those on which several independent copies of DeOldify's files agree. The head of eight hex digits
of the encoders' SHA-256 is part of their published names, as torch.hub checks it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from retint.errors import UnknownModelError

Role = Literal["generator", "critic", "encoder", "features", "figures"]

_HUGGING_FACE = "https://huggingface.co/spensercai/DeOldify/resolve/main"
_HUGGING_FACE_MORE = "https://huggingface.co/thookham/DeOldify/resolve/main"  # has critics and pretrained files too
_DEEPAI = "https://data.deepai.org/deoldify"
_DROPBOX = "https://www.dropbox.com/s"  # the links of DeOldify's README, with dl=1 for the file instead of its page
_LPIPS = "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1"
_TORCHVISION = "https://download.pytorch.org/models"


@dataclass(frozen=True)
class Entry:
    """One weights file of the catalogue."""

    name: str  # what a person types
    file: str  # the file's name, in the home folder and on a mirror
    role: Role
    about: str  # one line for `retint models list`
    licence: str
    addresses: tuple[str, ...] = ()  # in the order to try; empty for embedded weights
    size: int | None = None  # bytes; None: not known
    sha256: str | None = None  # 64 hex digits, or at least the first 8 where no more is published; None: not pinned
    variant: str | None = None  # row of the table of generators; None for what is no generator
    default_render_factor: int | None = None  # in units of 16 px; None: no generator, or the file says it itself
    needs_torch: bool = True  # False: ONNX Runtime alone renders it
    package: str | None = None  # the package that carries the file inside; None: it is downloaded

    def __post_init__(self) -> None:
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-f]{8,64}", self.sha256):
            raise ValueError(f"sha256 of {self.name} is {self.sha256!r}, wanted 8 to 64 lower-case hex digits")
        if re.search(r"[/\\]|^\.*$", self.file):
            raise ValueError(f"file of {self.name} is {self.file!r}, wanted a plain file name")
        if (self.package is None) != bool(self.addresses):
            raise ValueError(f"{self.name} wants either addresses to download from or a package that carries it")

    @property
    def embedded(self) -> bool:
        """Whether the file comes inside an installed package."""
        return self.package is not None


def _published(variant: str, file: str, size: int, sha256: str, factor: int, about: str, *more: str) -> Entry:
    return Entry(
        name=variant,
        file=file,
        role="generator",
        about=about,
        licence="MIT",
        addresses=(f"{_HUGGING_FACE}/{file}", *more, f"{_HUGGING_FACE_MORE}/{file}"),
        size=size,
        sha256=sha256,
        variant=variant,
        default_render_factor=factor,
    )


def _training(name: str, role: Role, file: str, size: int, sha256: str, about: str, dropbox: str) -> Entry:
    return Entry(
        name=name,
        file=file,
        role=role,
        about=about,
        licence="MIT",
        addresses=(f"{_HUGGING_FACE_MORE}/{file}", f"{_DROPBOX}/{dropbox}/{file}?dl=1"),
        size=size,
        sha256=sha256,
        variant="artistic" if role == "generator" else None,
        default_render_factor=35 if role == "generator" else None,
    )


def _torchvision(name: str, role: Role, head: str, about: str, stem: str = "") -> Entry:
    file = f"{stem or name}-{head}.pth"
    return Entry(
        name=name,
        file=file,
        role=role,
        about=about,
        licence="BSD-3-Clause",
        addresses=(f"{_TORCHVISION}/{file}",),
        sha256=head,
    )


_ENTRIES = (
    Entry(
        name="lite",
        file="lite.onnx",
        role="generator",
        about="small and quick, comes with retint",
        licence="MIT",
        variant="lite",
        needs_torch=False,
        package="retint.weights",
    ),
    _published(
        "artistic",
        "ColorizeArtistic_gen.pth",
        255144681,
        "3f750246fa220529323b85a8905f9b49c0e5d427099185334d048fb5b5e22477",
        35,
        "DeOldify's vivid colours and detail",
        f"{_DEEPAI}/ColorizeArtistic_gen.pth",
    ),
    _published(
        "stable",
        "ColorizeStable_gen.pth",
        874066230,
        "ca9cd7f43fb8b222c9a70f7b292e305a000694b0ff9d2ae4a6747b1a2e1ee5af",
        35,
        "DeOldify's steadier colours, good for portraits and landscapes",
        f"{_DROPBOX}/axsd2g85uyixaho/ColorizeStable_gen.pth?dl=1",
    ),
    _published(
        "video",
        "ColorizeVideo_gen.pth",
        874066230,
        "e3d98bb6a222354c79f95485c2f078a89dc724e9183662506d9e0f5aafac83ad",
        21,
        "DeOldify's calm colours for films",
        f"{_DEEPAI}/ColorizeVideo_gen.pth",
    ),
    _training(
        "artistic-critic",
        "critic",
        "ColorizeArtistic_crit.pth",
        378654241,
        "0f392b867360c0b99622f5a4b23f68208fdf4b3a4941e0644076c9fd94958bdb",
        "the critic of artistic, for training",
        "xpq2ip9occuzgen",
    ),
    _training(
        "artistic-pretrained",
        "generator",
        "ColorizeArtistic_PretrainOnly_gen.pth",
        764373737,
        "c3b3ede98f9619568e19d5d33d994642ab841d883322870cf0d27b9b1d38363b",
        "artistic before its GAN phase, for training",
        "h782d1zar3vdblw",
    ),
    _training(
        "artistic-pretrained-critic",
        "critic",
        "ColorizeArtistic_PretrainOnly_crit.pth",
        1135106703,
        "ba344e5e69f01dd2025a487290466f0f63225ab926503a9441e93d0d40213322",
        "the critic of artistic before its GAN phase, for training",
        "gr81b3pkidwlrc7",
    ),
    _torchvision("resnet34", "encoder", "b627a593", "ImageNet encoder of artistic, for training"),
    _torchvision("resnet101", "encoder", "63fe2227", "ImageNet encoder of stable and video, for training"),
    _torchvision("vgg16_bn", "features", "6c64b313", "ImageNet features of DeOldify's loss, for training"),
    _torchvision("alexnet", "figures", "7be5be79", "ImageNet features of LPIPS, for evaluation", "alexnet-owt"),
    Entry(
        name="lpips-alex",
        file="alex.pth",
        role="figures",
        about="linear weights of LPIPS 0.1 over AlexNet, for evaluation",
        licence="BSD-2-Clause",
        addresses=(f"{_LPIPS}/alex.pth",),
        size=6009,
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    ),
    _torchvision(
        "inception_v3", "figures", "1a9a5a14", "ImageNet features of FID, for evaluation", "inception_v3_google"
    ),
)

CATALOG: Mapping[str, Entry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""The entries by name, those for colouring first."""


def entry_of(name: str) -> Entry:
    """The catalogue's entry of that name.

    Raises
    ------
    UnknownModelError
        No such name; the text lists the names, and the nearest one first.
    """
    if name in CATALOG:
        return CATALOG[name]
    for entry in CATALOG.values():
        if entry.file == name:
            raise UnknownModelError(f'no file "{name}" here; that file is called "{entry.name}" in the catalogue.')
    raise UnknownModelError(f'no model and no file "{name}"{_suggestion(name)} {_available()}')


def require_generator(name: str) -> None:
    """Refuse the catalogue's names of weights that colour nothing, before anything is downloaded for them.

    Lets other names and paths pass.

    Raises
    ------
    UnknownModelError
        The name of a critic's, an encoder's or a feature network's weights; the text says which, and lists the models.
    """
    entry = CATALOG.get(name)
    if entry is not None and entry.role != "generator":
        generators = ", ".join(model.name for model in CATALOG.values() if model.role == "generator")
        raise UnknownModelError(f'"{name}" is no model that colours, but {entry.about}. Choose from {generators}.')


def is_name(text: str) -> bool:
    """Whether the catalogue has an entry of that name."""
    return text in CATALOG


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), CATALOG, n=1)
    return f'; did you mean "{near[0]}"?' if near else "."


def _available() -> str:
    generators = ", ".join(entry.name for entry in CATALOG.values() if entry.role == "generator")
    others = ", ".join(entry.name for entry in CATALOG.values() if entry.role != "generator")
    return f"Choose from {generators} (for training also {others}), or give the path of a weights file."
