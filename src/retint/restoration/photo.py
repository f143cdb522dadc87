"""One photograph through the stages.

What befell a picture last is undone first: the marks and the noise of copying, then the light. So light that is brought
back does not bring noise up with it, and every network sees what it was trained on.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

import cv2
import numpy as np

from retint.errors import InputError
from retint.images.photograph import Photograph, Pixels, RestorationMark
from retint.images.sizes import enlarged_metadata
from retint.restoration import damage as damages
from retint.restoration import noise as noises
from retint.restoration import tone as tones
from retint.restoration.cast import CastGate, cast_of, neutralised
from retint.restoration.damage import DamageGate, Filling
from retint.restoration.noise import NoiseGate
from retint.restoration.onnx_models import ModelName, Models
from retint.restoration.options import RestoreOptions
from retint.restoration.planes import Mask, luma_of, with_luma
from retint.restoration.tone import ToneGate


@dataclass(frozen=True)
class Gates:
    """When `auto` acts; the figures of a calibration."""

    tone: ToneGate = field(default_factory=ToneGate)
    cast: CastGate = field(default_factory=CastGate)
    damage: DamageGate = field(default_factory=DamageGate)
    filling: Filling = field(default_factory=Filling)
    noise: NoiseGate = field(default_factory=NoiseGate)


@dataclass(frozen=True)
class Findings:
    """What was found, and what was done about it; None: its stage did not look."""

    tone_confidence: float | None = None  # 0..1: how sure that correcting the tone helps
    tone_strength: float = 0.0  # of the correction
    cast: float | None = None  # mean distance from grey, full scale 1
    neutralised: float = 0.0  # 0..1: how far the cast of a picture in one tone was taken out
    damaged: float | None = None  # share of the pixels
    marks: int | None = None  # separate scratches, specks, holes
    noise: float | None = None  # deviation, levels of 255
    change: float | None = None  # what the restorer would change all over, levels of 255
    specks: float | None = None  # share of single pixels that stand out
    sharpness: float | None = None  # of the finest detail: 2 of a sharp picture, under 1 of a soft one
    blocks: float | None = None  # blockiness, levels of 255
    noise_strength: float = 0.0  # of the restorer
    upscale: int = 1
    models: tuple[str, ...] = ()  # the networks that changed something, with their versions

    @property
    def filled(self) -> bool:
        """Whether content was made up where there was none."""
        return bool(self.damaged)

    @property
    def changed(self) -> tuple[str, ...]:
        """What was done, in words."""
        done = (
            (self.filled, "damage filled"),
            (self.noise_strength > 0, "noise, blur and blocks mended"),
            (self.tone_strength > 0, "tone corrected"),
            (self.neutralised == 1, "cast taken out"),
            (0 < self.neutralised < 1, "cast weakened"),
            (self.upscale > 1, f"enlarged {self.upscale} times"),
        )
        return tuple(what for is_so, what in done if is_so)

    @property
    def mark(self) -> RestorationMark:
        """What the result's metadata is to say."""
        return RestorationMark(self.changed, self.filled, ", ".join(self.models))

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {key: round(value, 5) if isinstance(value, float) else value for key, value in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class Restored:
    """What became of a photograph."""

    photo: Photograph  # same depth, transparency and metadata; the same size, or twice
    mask: Mask  # (H, W) of the input's size: what was filled
    findings: Findings


class Restorer:
    """Mends photographs. Networks are loaded when a picture first needs them."""

    def __init__(
        self, models: Models | None = None, gates: Gates | None = None, *, threads: int = 0, core: int = 512
    ) -> None:
        """threads: of the CPU; 0: as ONNX Runtime likes. core: px of a tile, a multiple of 16."""
        self._models = models or Models(threads=threads)
        self._gates = gates or Gates()
        self._core = core

    def load(self, options: RestoreOptions) -> None:
        """Load what these options can need, so that what is missing is told before any work. Raises WeightsError."""
        wanted: tuple[tuple[ModelName, bool], ...] = (
            ("tone", options.strength("tone") != 0),
            ("damage", options.strength("damage") != 0),
            ("restore", options.strength("noise") != 0 or self._fills(options)),
            ("upscale", options.upscale == 2),
        )
        for name, needed in wanted:
            if needed:
                self._models.get(name)

    def _fills(self, options: RestoreOptions) -> bool:
        """Whether the restorer fills damage."""
        return options.strength("damage") != 0 and self._gates.filling.method == "network"

    def restore(self, photo: Photograph, options: RestoreOptions | None = None, mask: Mask | None = None) -> Restored:
        """Mend a photograph.

        mask: (H, W), what to fill, in place of what the detector finds

        Luma is mended. Colours stay, but for those under the mask, which come from around, and for the one tone of a
        monochrome picture, which the tone stage takes out (`RestoreOptions.cast`). Raises InputError for a mask of
        another size, WeightsError, RenderError.
        """
        options = options or RestoreOptions()
        size = (photo.height, photo.width)
        if mask is not None and mask.shape != size:
            raise InputError(
                f"the mask is {mask.shape[1]} x {mask.shape[0]} px and the photograph {size[1]} x {size[0]}; "
                "save one with --save-mask, and correct that"
            )
        if mask is not None and options.strength("damage") == 0:
            raise InputError("a mask says where damage is, and the stage damage is left out; add it, or drop the mask")
        run = _Run(self._models, self._gates, options, self._core, photo.pixels, mask)
        if options.strength("noise") != 0:
            run.measure_noise()
        if options.strength("damage") != 0:
            run.find_damage()
        run.mend()
        if options.strength("tone") != 0:
            run.relight()
        pixels = run.finish()
        if options.upscale == 2:
            pixels = run.enlarge(pixels)
        photo = replace(photo, pixels=pixels) if options.upscale == 1 else _twice(photo, pixels)
        return Restored(photo, run.mask if run.mask is not None else np.zeros(size, np.bool_), run.findings)


class _Run:
    """One photograph on its way."""

    def __init__(
        self, models: Models, gates: Gates, options: RestoreOptions, core: int, pixels: Pixels, mask: Mask | None
    ) -> None:
        self._models, self._gates, self._options, self._core = models, gates, options, core
        self._pixels = pixels
        self._before = self._luma = luma_of(pixels)
        self.mask = mask
        self._nothing = np.zeros(self._luma.shape, np.bool_)
        self._cast = cast_of(pixels)
        self._toned = self._cast.is_toned(gates.cast)
        self._noisy = False
        self.findings = Findings()

    @property
    def _old(self) -> bool:
        """Whether anything found so far speaks for an old print: one tone, noise, marks."""
        return self._toned or self._noisy or (self.mask is not None and bool(self.mask.any()))

    def find_damage(self) -> None:
        """Find marks, unless a mask says where they are. Noise is measured anew without them."""
        if self.mask is None:
            found = damages.find_damage(self._luma, self._models.get("damage"), core=self._core)
            gate = self._gates.damage.for_old() if self._old else self._gates.damage
            self.mask = damages.mask_of(found, gate.at(self._options.damage))
            if self.mask.any():
                self._used("damage")
                if self._options.strength("noise") != 0:
                    self.measure_noise()
        self._note(damaged=float(self.mask.mean()), marks=damages.patches(self.mask))

    def measure_noise(self) -> None:
        """See how much there is to mend."""
        mask = self._nothing if self.mask is None else self.mask
        gate = self._gates.noise
        evidence = noises.evidence_of(self._luma, mask, self._models.get("restore"))
        strength = noises.chosen_strength(evidence, self._options.noise, gate)
        self._noisy = gate.noisy(evidence) > gate.old
        self._note(**asdict(evidence), noise=noises.noise_level(self._luma), noise_strength=strength)

    def mend(self) -> None:
        """Fill the marks and take noise, blur and blocks away, in one pass of the restorer."""
        mask, strength = self._nothing if self.mask is None else self.mask, self.findings.noise_strength
        filling, core = self._gates.filling, self._core
        needed = strength > 0 or (mask.any() and filling.method == "network")
        model = self._models.get("restore") if needed else None
        luma, rest = damages.deep_filled(self._luma, mask, filling, model, core=core)
        if model is not None:
            grain, noise = self._options.grain, self.findings.noise or 0.0
            luma = noises.mended(luma, rest, model, strength, grain=grain, noise=noise, core=core)
            self._used("restore")
        self._luma = luma

    def relight(self) -> None:
        model, gate = self._models.get("tone"), self._gates.tone
        light = tones.read_light(self._luma, model)
        strength = tones.chosen_strength(self._luma, light, self._options.tone, gate, old=self._old)
        self._note(tone_confidence=light.confidence, tone_strength=strength)
        if strength > 0:
            self._luma = tones.relit(self._luma, light, strength)
            self._used("tone")

    def finish(self) -> Pixels:
        """The pixels with the mended luma, and the colours that belong to it."""
        pixels, options = self._pixels, self._options
        if pixels.ndim == 2:
            return with_luma(pixels, self._before, self._luma)
        strength = 0.0
        if options.strength("tone") != 0:
            if options.cast == "auto" and self._toned:
                strength = 1.0 if options.tone == "auto" else float(options.tone)
            self._note(cast=self._cast.strength, neutralised=strength)
        if strength > 0:
            pixels = neutralised(pixels, strength)
        pixels = with_luma(pixels, self._before, self._luma)
        if strength < 1 and self.mask is not None and self.mask.any():
            pixels = damages.chroma_filled(pixels, self.mask)  # after the luma: white paint has no room for colour
        return pixels

    def enlarge(self, pixels: Pixels) -> Pixels:
        """Twice the size: luma by the network, chroma smoothly."""
        luma = luma_of(pixels)
        large = noises.enlarged(luma, self._models.get("upscale"), core=self._core)
        self._note(upscale=2)
        self._used("upscale")
        smooth = _resized(pixels)
        return with_luma(smooth, luma_of(smooth), large)

    def _note(self, **found: object) -> None:
        self.findings = replace(self.findings, **found)  # pyright: ignore[reportArgumentType]

    def _used(self, *names: ModelName) -> None:
        said = tuple(f"{name} {self._models.get(name).version}" for name in names)
        self._note(models=(*self.findings.models, *said))


def _resized(pixels: Pixels) -> Pixels:
    size = (2 * pixels.shape[1], 2 * pixels.shape[0])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), pixels.dtype)


def _twice(photo: Photograph, pixels: Pixels) -> Photograph:
    """What goes with pixels that have been doubled: transparency, and metadata that say so."""
    metadata = enlarged_metadata(photo.metadata, pixels.shape[1], pixels.shape[0], 2)
    alpha = None if photo.alpha is None else _resized(photo.alpha)
    return replace(photo, pixels=pixels, alpha=alpha, metadata=metadata)
