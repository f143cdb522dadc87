"""Colours pictures with a network: render factor to size, grey in, chroma out, merged with the photograph's luma."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retint.color import Chroma, Pixels, chroma_of, merge_chroma, merge_render
from retint.errors import RenderError, RenderMemoryError, WeightsError
from retint.images import MachineMark, Photograph
from retint.rendering.network import IMAGENET_MEAN, IMAGENET_STD, UNIT, Floats, Network
from retint.rendering.watermark import add_watermark

RenderFactor = int | Literal["auto"] | None
Square = NDArray[np.uint8] | Chroma  # (S, S, 3) RGB of head "rgb", or (S, S, 2) chroma of head "chroma"
SMALLEST, LARGEST = 4, 128  # render factors: 64 px, two cells of the deepest map, to 2048 px
AT_ONCE = 8  # squares in one run of a device that likes batches; a CPU takes as long for each of eight as for one
CONTENT = 8.0  # deviation of grey levels above which a picture is not blank, and must come out with some colour


class Colorizer:
    """A network that is ready to colour pictures. Make one with `load_colorizer`; it may be used for many pictures."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.info = network.info

    @property
    def network(self) -> Network:
        """The engine underneath, for programs that share it: a colorizer over a network that wraps it is as good."""
        return self._network

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def default_render_factor(self) -> int:
        return self.info.default_render_factor

    @property
    def mark(self) -> MachineMark:
        """What a result's metadata says of its maker."""
        return MachineMark(model=self.info.name, version=self.info.version)

    # pictures

    def render(self, image: Image.Image, render_factor: RenderFactor = None, *, watermark: bool = False) -> Image.Image:
        """The picture in colour, same size.

        image: any mode, 8 bit (16-bit photographs: `colorize`); transparency is kept, colours count as grey
        render_factor: side of the square that the network sees, in units of 16 px; None for the model's default,
            "auto" for one that suits the picture
        watermark: with retint's visible mark in the lower left corner

        Returns an image of mode RGB, or RGBA where the input had transparency. Raises RenderError, RenderMemoryError.
        """
        return self.render_batch([image], render_factor, watermark=watermark)[0]

    def render_batch(
        self, images: Sequence[Image.Image], render_factor: RenderFactor = None, *, watermark: bool = False
    ) -> list[Image.Image]:
        """Several pictures through the network at once; each as `render` would give it."""
        if not images:
            return []
        factors = [self.resolve_render_factor(render_factor, image.size) for image in images]
        opaque = [image.convert("RGB") for image in images]
        results: list[Image.Image] = []
        for group in _groups(factors):
            rendered = self._squares([opaque[i] for i in group], factors[group[0]])
            for index, (gray, square) in zip(group, rendered, strict=True):
                result = Image.fromarray(self._merge(np.asarray(opaque[index]), gray, square))
                if watermark:
                    result = Image.fromarray(add_watermark(np.asarray(result)))
                if images[index].has_transparency_data:
                    result.putalpha(images[index].convert("RGBA").getchannel("A"))
                results.append(result)
        order = [index for group in _groups(factors) for index in group]
        return [results[order.index(index)] for index in range(len(images))]

    def colorize(self, photo: Photograph, render_factor: RenderFactor = None, *, watermark: bool = False) -> Photograph:
        """The photograph in colour: same size, depth, transparency and metadata; luma kept to the bit at 16 bit.

        Raises RenderError, RenderMemoryError.
        """
        height, width = photo.pixels.shape[:2]
        factor = self.resolve_render_factor(render_factor, (width, height))
        gray, square = self._squares([_eight_bit(photo.pixels)], factor)[0]
        pixels = self._merge(photo.pixels, gray, square)
        if watermark:
            pixels = add_watermark(pixels)
        return replace(photo, pixels=pixels)

    def render_square(self, image: Image.Image, render_factor: RenderFactor = None) -> Image.Image:
        """The render itself: the small coloured square, not merged. RGB, 16 * render factor px wide and high."""
        factor = self.resolve_render_factor(render_factor, image.size)
        gray, square = self._squares([image.convert("RGB")], factor)[0]
        return Image.fromarray(self._merge(gray, gray, square) if square.dtype != np.uint8 else square)

    def chroma_batch(self, grays: Sequence[NDArray[np.uint8]]) -> list[Chroma]:
        """Chroma alone, for frames of film: grey squares as the network sees them, each as it would be by itself.

        grays: (S, S) uint8, all of one size, S = 16 * render factor

        Returns (S, S, 2) float32 each, U and V in units of full scale. Raises RenderError, RenderMemoryError.
        """
        if not grays:
            return []
        side = grays[0].shape[0]
        wrong = next((gray.shape for gray in grays if gray.shape != (side, side)), None)
        if wrong is not None or side % UNIT:
            raise RenderError(
                f"got a grey picture of {wrong or grays[0].shape}, wanted squares of one size, {UNIT} px times n"
            )
        factor = self.resolve_render_factor(side // UNIT, (side, side))
        count = self._at_once(side)
        runs = (self._rendered(list(grays[first : first + count]), factor) for first in range(0, len(grays), count))
        return [_chroma_alone(square) for run in runs for square in run]

    def _at_once(self, side: int) -> int:
        """How many squares of that side go into one run."""
        count, free = 1 if self.info.device == "cpu" else AT_ONCE, self._network.bytes_free()
        while free is not None and count > 1 and self._network.bytes_needed(side, count) > free:
            count //= 2
        return count

    # sizes

    def resolve_render_factor(self, render_factor: RenderFactor, size: tuple[int, int]) -> int:
        """The render factor to use for a picture of `size` (width, height).

        Raises RenderError for one outside 4..128.
        """
        if render_factor is None:
            return self.default_render_factor
        if render_factor == "auto":
            return choose_render_factor(size, self.default_render_factor)
        if not SMALLEST <= render_factor <= LARGEST:
            raise RenderError(
                f"got render factor {render_factor}, wanted {SMALLEST} to {LARGEST}; "
                f"{self.default_render_factor} is the default of {self.name}"
            )
        return int(render_factor)

    def largest_render_factor(self) -> int | None:
        """The largest render factor that fits into the memory that is free now; None where that cannot be told."""
        free = self._network.bytes_free()
        if free is None:
            return None
        fits = [factor for factor in range(SMALLEST, LARGEST + 1) if self._network.bytes_needed(factor * UNIT) <= free]
        return max(fits, default=SMALLEST)

    # steps

    def _squares(self, images: list[Image.Image], factor: int) -> list[tuple[NDArray[np.uint8], Square]]:
        """Renders of one size: what the network saw, (S, S) uint8, and what it made of it."""
        grays = [_gray_square(image, factor) for image in images]
        return list(zip(grays, self._rendered(grays, factor), strict=True))

    def _rendered(self, grays: list[NDArray[np.uint8]], factor: int) -> list[Square]:
        """Renders of squares of one size, (S, S) uint8, in one run."""
        batch = np.stack([_normalized(gray) for gray in grays])
        self._check_room(factor, len(batch))
        try:
            rendered = self._network.run(batch)
        except RenderMemoryError as error:
            raise self._memory_error(factor) from error
        channels = 3 if self.info.head == "rgb" else 2
        if rendered.shape != (len(batch), channels, *batch.shape[2:]):
            raise RenderError(
                f"{self.info.engine} gave a render of shape {rendered.shape} for {batch.shape}; please report this"
            )
        if not np.isfinite(rendered).all():
            raise RenderError(
                f"the render of {self.name} at render factor {factor} holds NaN; try another engine or precision"
            )
        squares: list[Square] = [_denormalized(one) if channels == 3 else np.moveaxis(one, 0, -1) for one in rendered]
        for gray, square in zip(grays, squares, strict=True):
            _refuse_gray(gray, square, self.name)
        return squares

    def _merge(self, pixels: Pixels, gray: NDArray[np.uint8], square: Square) -> Pixels:
        if square.dtype != np.uint8:
            return merge_chroma(pixels, cast("Chroma", square), guide=gray)
        rgb = cast("NDArray[np.uint8]", square)
        if pixels.dtype != np.uint8:
            return merge_chroma(pixels, chroma_of(rgb))
        height, width = pixels.shape[:2]
        raw = Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR)
        return merge_render(cast("NDArray[np.uint8]", pixels), np.asarray(raw))

    def _check_room(self, factor: int, pictures: int) -> None:
        free = self._network.bytes_free()
        if free is not None and self._network.bytes_needed(factor * UNIT, pictures) > free:
            raise self._memory_error(factor)

    def _memory_error(self, factor: int) -> RenderMemoryError:
        fits = self.largest_render_factor()
        place = "memory" if self.info.device == "cpu" else f"the memory of {self.info.device}"
        smaller = min(factor - 1, fits if fits is not None else factor // 2)
        advice = f"try {smaller}" if smaller >= SMALLEST else "close other programs"
        if self.info.device != "cpu":
            advice += ', or device="cpu"'
        return RenderMemoryError(
            f"render factor {factor} means a {factor * UNIT} px render, which does not fit into {place}; {advice}"
        )


def choose_render_factor(size: tuple[int, int], default: int) -> int:
    """Render factor for a picture of `size` (width, height): that of a render half as large again, within bounds.

    It is between half of the default and the default. Measured with `lite`: docs/decisions/013.
    """
    finer = -(-max(size) * 3 // (2 * UNIT))
    return max(default // 2, SMALLEST, min(default, finer))


def _groups(factors: list[int]) -> list[list[int]]:
    return [[i for i, factor in enumerate(factors) if factor == one] for one in dict.fromkeys(factors)]


def _eight_bit(pixels: Pixels) -> Image.Image:
    """An 8-bit image of a photograph's pixels, for the render's eyes only. 16 bit is rounded, not cut."""
    if pixels.dtype == np.uint8:
        return Image.fromarray(pixels)
    out = np.empty(pixels.shape, dtype=np.uint8)
    for top in range(0, len(pixels), 256):
        out[top : top + 256] = (pixels[top : top + 256].astype(np.uint32) + 128) // 257
    return Image.fromarray(out)


def _gray_square(image: Image.Image, factor: int) -> NDArray[np.uint8]:
    """Grey (S, S) uint8. First resized, then made grey, each in Pillow's 8 bit.  # DeOldify filters.py:22"""
    side = factor * UNIT
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR).convert("L"))


def _normalized(gray: NDArray[np.uint8]) -> Floats:
    """(S, S) uint8 to (3, S, S) float32, normalised with ImageNet's mean and deviation."""
    value: Floats = np.divide(gray, 255, dtype=np.float32)
    return (value[None] - IMAGENET_MEAN[:, None, None]) / IMAGENET_STD[:, None, None]


def _denormalized(render: Floats) -> NDArray[np.uint8]:
    """(3, S, S) normalised to (S, S, 3) uint8. Truncated, not rounded.  # DeOldify filters.py:67"""
    value = render * IMAGENET_STD[:, None, None] + IMAGENET_MEAN[:, None, None]
    return np.moveaxis((np.clip(value, 0, 1) * np.float32(255)).astype(np.uint8), 0, -1)


def _chroma_alone(square: Square) -> Chroma:
    if square.dtype == np.uint8:
        return chroma_of(cast("NDArray[np.uint8]", square))
    return np.ascontiguousarray(cast("Chroma", square))


def _refuse_gray(gray: NDArray[np.uint8], square: Square, name: str) -> None:
    """A render without a trace of colour, of a picture that is not blank, is a failure, not a result."""
    if square.dtype == np.uint8:
        colourless = bool((square.max(axis=2) == square.min(axis=2)).all())
    else:
        colourless = not square.any()
    if colourless and gray.std() > CONTENT:
        raise RenderError(f"the render of {name} has no colour at all; its weights or its engine are broken")


def load_colorizer(
    model: str | Path = "lite",
    *,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    engine: Literal["auto", "onnxruntime", "torch"] = "auto",
    offline: bool = False,
    threads: int = 0,
) -> Colorizer:
    """A colorizer of that model.

    model: a name of the catalogue ("lite", "artistic", "stable", "video") or a weights file (.onnx; .pth, .pt: torch)
    device: "auto" takes CUDA or MPS where the engine offers them, else the CPU
    engine: "auto" takes ONNX Runtime for ONNX files and torch for torch's
    offline: never download
    threads: of the CPU; 0 for all cores that are free to use

    Raises UnknownModelError, WeightsError and its kin, MissingExtraError, RenderError.
    """
    from retint.weights import catalog, store

    catalog.require_generator(str(model))
    entry = catalog.CATALOG.get(str(model))
    path = store.fetch(str(model), offline=offline)
    name = str(model) if entry is not None else path.stem
    is_onnx = path.suffix.lower() == ".onnx"
    if engine == "auto":
        engine = "onnxruntime" if is_onnx else "torch"
    if is_onnx != (engine == "onnxruntime"):
        wanted = "a .onnx file (make one: retint models export)" if engine == "onnxruntime" else "a torch file (.pth)"
        raise WeightsError(f"got {path.name} for engine {engine}, wanted {wanted}")
    if is_onnx:
        from retint.rendering.onnx_backend import OnnxNetwork

        return Colorizer(OnnxNetwork(path, name=name, device=device, threads=threads))
    from retint.rendering.torch_backend import load_torch_network

    factor = entry.default_render_factor if entry is not None and entry.default_render_factor else None
    network = load_torch_network(path, name=name, default_render_factor=factor, device=device, threads=threads)
    return Colorizer(network)
