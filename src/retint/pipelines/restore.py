"""One photograph, or many, mended: read, restore, save."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np

from retint.errors import OutputError
from retint.images import MAX_PIXELS, Photograph, read_photo, was_restored, write_photo
from retint.pipelines.outputs import Targets, compare_beside, mask_beside
from retint.pipelines.photo import as_source, content_of, recognise, refuse_existing, side_by_side
from retint.restoration.options import STAGES, RestoreOptions, Stage, Strength
from retint.restoration.photo import Restored, Restorer
from retint.restoration.planes import Mask, luma_of

if TYPE_CHECKING:
    from retint.pipelines.crafts import FilmCraft

MOST_PHOTOS, MOST_PIXELS = 3, 24_000_000  # in memory at once: a photograph holds some 25 bytes a pixel on its way


@dataclass(frozen=True)
class Saving:
    """How restored photographs are saved."""

    overwrite: bool = False
    quality: int | None = None  # 1 to 100, for formats with losses; None: the input's quality or better


@dataclass(frozen=True)
class RestoreResult:
    """What became of one photograph."""

    target: Path | None  # None: it went to a stream
    compare: Path | None  # before, mask and after side by side, where asked for
    mask: Path | None  # what was filled, where asked for
    width: int  # of the result, in px, upright
    height: int
    seconds: float  # of work: reading, restoring and writing, without waiting for others
    findings: dict[str, object]  # what was found, and what was done about it
    notes: tuple[str, ...] = ()  # what reading or writing dropped or changed, a line each; empty for a sound file


def restore_photo(
    source: str | Path | bytes | BinaryIO,
    target: str | Path | BinaryIO,
    *,
    stages: Sequence[Stage] = STAGES,
    tone: Strength = "auto",
    damage: Strength = "auto",
    noise: Strength = "auto",
    grain: Literal["clean", "keep"] = "clean",
    cast: Literal["auto", "keep"] = "auto",
    upscale: Literal[1, 2] = 1,
    mask: str | Path | BinaryIO | None = None,
    save_mask: bool | str | Path = False,
    compare: bool = False,
    overwrite: bool = False,
    quality: int | None = None,
    restorer: Restorer | None = None,
) -> RestoreResult:
    """Mend a photograph, without colouring it.

    Parameters
    ----------
    source: a path, an http(s) address, the bytes of a picture, or a binary stream
    target: a path, whose suffix says the format, or a binary stream, which gets the format of the source
    stages: some of `tone`, `damage`, `noise`
    tone, damage, noise: the strength of each, 0 to 1, or `auto`, which does nothing where nothing is wrong
    grain: `keep` leaves the grain in
    cast: `keep` leaves sepia and yellowed pictures their tone
    upscale: 2 doubles the size
    mask: a picture of the photograph's size, white where it is damaged, in place of what the detector finds
    save_mask: write what was filled, too: True, as NAME-mask.png beside the target, or a path
    compare: save before, mask and after side by side, too, as NAME-compare.EXT beside the target
    overwrite: replace a target that exists
    quality: 1 to 100, for formats with losses
    restorer: one that is there already; what many photographs want

    Raises
    ------
    InputError: the source is no photograph that can be read, or the mask does not fit it
    OutputError: the target exists, or cannot be written
    WeightsError, RenderError: a network cannot be had, or cannot work
    """
    started = time.monotonic()
    options = RestoreOptions(tuple(stages), tone, damage, noise, grain, cast, upscale)
    targets, stream = Targets(), None
    if isinstance(target, (str, Path)):
        path = Path(target)
        masked = None if save_mask is False else mask_beside(path) if save_mask is True else Path(save_mask)
        targets = Targets(path, compare_beside(path) if compare else None, masked)
        if len(set(targets.all)) < len(targets.all):
            raise OutputError(f"{target}: result, comparison and mask would be one file; name another mask")
        if isinstance(source, (str, Path)) and any(
            one.exists() and Path(source).exists() and one.samefile(source) for one in targets.all[1:]
        ):
            raise OutputError(f"{source}: the mask or comparison would overwrite the photograph; name another")
        refuse_existing(targets, overwrite=overwrite)
    elif compare or save_mask:
        raise OutputError("a comparison or mask lies beside the result, and a stream has no beside; name a file")
    else:
        stream = target
    content, shown = content_of(source)
    recognise(content, shown)
    photo = read_photo(as_source(content, shown))
    given = None if mask is None else read_mask(mask)
    craft = Restoring(options, Saving(overwrite, quality), mask=given, restorer=restorer)
    craft.load("photo")
    piece = craft.work(photo)
    notes = piece.save(targets if stream is None else stream)
    return piece.describe(targets, notes=notes, seconds=time.monotonic() - started)


def load_restorer(options: RestoreOptions) -> Restorer:
    """A restorer that has what these options need. Raises WeightsError."""
    from retint.rendering.memory import cores_available

    restorer = Restorer(threads=cores_available())
    restorer.load(options)
    return restorer


def read_mask(source: str | Path | BinaryIO, *, max_pixels: int = MAX_PIXELS) -> Mask:
    """Read a mask: (H, W), True where the picture is lighter than middle grey. What is transparent is not damaged.

    max_pixels: larger ones are refused before anything is decoded

    Raises InputError and its kin.
    """
    picture = read_photo(source, max_pixels=max_pixels)
    mask = luma_of(picture.pixels) > 32767
    return mask if picture.alpha is None else mask & (picture.alpha > np.iinfo(picture.alpha.dtype).max // 2)


@dataclass(frozen=True, eq=False)
class RestoredPiece:
    """One photograph, mended."""

    before: Photograph
    restored: Restored
    saving: Saving

    def save(self, to: Targets | BinaryIO) -> tuple[str, ...]:
        after, mark = self.restored.photo, self.restored.findings.mark
        quality, overwrite = self.saving.quality, self.saving.overwrite
        if not isinstance(to, Targets):
            return write_photo(after, to, quality=quality, mark=mark)
        if to.mask is not None:
            write_photo(mask_photo(self.restored.mask, np.uint8), to.mask, overwrite=overwrite)
        if to.compare is not None:
            mask = mask_photo(self.restored.mask, after.pixels.dtype.type)
            panels = side_by_side(self.before, mask, after)
            write_photo(panels, to.compare, quality=quality, overwrite=overwrite, mark=mark)
        if to.result is None:
            return ()
        return write_photo(after, to.result, quality=quality, overwrite=overwrite, mark=mark)

    def describe(self, targets: Targets, *, notes: tuple[str, ...], seconds: float) -> RestoreResult:
        after = self.restored.photo
        return RestoreResult(
            target=targets.result,
            compare=targets.compare,
            mask=targets.mask,
            width=after.width,
            height=after.height,
            seconds=round(seconds, 3),
            findings=self.restored.findings.as_dict(),
            notes=(*after.notes, *notes),
        )


class Restoring:
    """The craft of restoring."""

    verb = "restore"

    def __init__(
        self,
        options: RestoreOptions,
        saving: Saving,
        *,
        mask: Mask | None = None,
        films: FilmCraft | None = None,
        restorer: Restorer | None = None,
    ) -> None:
        """mask: of the only photograph. films: what is done with films; by default they are refused"""
        self._options = options
        self._saving = saving
        self._mask = mask
        self._restorer = restorer
        self.films = films

    @property
    def overwrite(self) -> bool:
        return self._saving.overwrite

    def load(self, kind: Literal["photo", "film"]) -> None:
        if kind == "photo" and self._restorer is None:
            self._restorer = load_restorer(self._options)

    def is_result(self, photo: Photograph) -> bool:
        return was_restored(photo.metadata)

    def work(self, photo: Photograph) -> RestoredPiece:
        assert self._restorer is not None  # load comes before
        return RestoredPiece(photo, self._restorer.restore(photo, self._options, self._mask), self._saving)


def mask_photo(mask: Mask, dtype: type[np.uint8 | np.uint16]) -> Photograph:
    """Black, and white where something was filled."""
    return Photograph(mask.astype(dtype) * np.iinfo(dtype).max, None)
