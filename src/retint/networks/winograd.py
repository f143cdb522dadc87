"""3x3 convolutions with a quarter of the multiplications, for CPUs in float32.

Winograd's minimal filtering F(4x4, 3x3), as Lavin and Gray apply it to networks (arXiv 1509.09308, section 4): the map
is cut into tiles of 6x6 pixels that overlap by 2. Tile d and kernel g are transformed, multiplied point by point, which
over all channels is one matrix product for each of the 36 points, and transformed back to 4x4 pixels of result:

    Y = A^T [ (G g G^T) * (B^T d B) ] A

That is 36 multiplications for 16 results instead of 144. B is applied as sums of whole rows and columns of tiles; the
sides of G and A together, as one matrix product with their Kronecker squares, 36x9 and 16x36.

Maps lie as (rows, columns, channels), channels a multiple of 8 (`padded`), the surplus zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retint.networks.threads import spread

# The transforms of section 4.3 (B^T: `_to_points`), whose interpolation points are 0, 1, -1, 2, -2 and infinity.
_KERNEL = torch.tensor(  # G
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    dtype=torch.float64,
)
_RESULT = torch.tensor(  # A^T
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], dtype=torch.float64
)
_ONE = 7  # of the 36 points, the one at (1, 1): what is added there is added to all 16 results
_TILES = 160  # a thread works on about as many: rows enough for quick matrix products, few enough for the cache
_FEW = 64  # tiles in all, below which transforming the kernels costs more than it saves


def padded(channels: int) -> int:
    """Channels rounded up to a multiple of 8, one AVX2 register: products of odd sizes are a fifth slower."""
    return -(-channels // 8) * 8


class WinogradConv:
    """A 3x3 convolution of stride 1 and padding 1, with bias and ReLU."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        """Takes the weight's values, not its memory: (outputs, inputs, 3, 3) is kept as (9, inputs, outputs)."""
        weight = convolution.weight
        outputs, inputs = weight.shape[:2]
        self.inputs, self.outputs = padded(inputs), padded(outputs)
        self._weight = weight.new_zeros(9, self.inputs, self.outputs)
        self._weight[:, :inputs, :outputs] = weight.permute(2, 3, 1, 0).reshape(9, inputs, outputs)
        self._bias = weight.new_zeros(self.outputs)
        if convolution.bias is not None:
            self._bias[:outputs] = convolution.bias
        self._kernel = torch.kron(_KERNEL, _KERNEL).float()
        self._result = torch.kron(_RESULT, _RESULT).float()

    def transformed(self) -> Tensor:
        """The kernels' transform, (36, inputs, outputs): four times the weights, so made for each picture, not kept."""
        return (self._kernel @ self._weight.flatten(1)).view(36, self.inputs, self.outputs)

    def __call__(self, source: Tensor, target: Tensor, *, first: int = 0, transformed: Tensor | None = None) -> Tensor:
        """Fill `target` with the ReLU of the convolution of `source`; returns it.

        source: (rows, columns, inputs); beyond its edges lie zeros
        target: (n, columns, outputs); its row i is the result around row `first + i` of `source`
        """
        columns = source.shape[1]
        across = -(-columns // 4)
        if transformed is None and across * -(-len(target) // 4) < _FEW:
            return target.copy_(self._directly(source)[first : first + len(target)])
        kernels = self.transformed() if transformed is None else transformed
        tile_rows = -(-len(target) // 4)
        down = min(max(1, _TILES // across), -(-tile_rows // torch.get_num_threads()))

        def work(pieces: Iterator[int]) -> None:
            convolve = self._chunk(kernels, down, across)
            for piece in pieces:
                rows = target[4 * down * piece : 4 * down * (piece + 1)]
                convolve(source, rows, first + 4 * down * piece)

        spread(-(-tile_rows // down), work)
        return target

    def _chunk(self, kernels: Tensor, down: int, across: int) -> Callable[[Tensor, Tensor, int], None]:
        """What convolves `down` rows of tiles at a time, in buffers of its own."""
        width = 4 * across + 2
        window = kernels.new_zeros(4 * down + 2, width, self.inputs)
        halfway = kernels.new_empty(6, down, width, self.inputs)  # transformed along rows only
        points = kernels.new_empty(36, down * across, self.inputs)
        products = kernels.new_empty(36, down * across, self.outputs)
        results = kernels.new_empty(16, down * across * self.outputs)
        row, pixel, _ = window.stride()
        tile_rows = window.as_strided((6, down, width, self.inputs), (row, 4 * row, pixel, 1))
        plane, row, pixel, _ = halfway.stride()
        tile_columns = halfway.as_strided((6, 6, down, across, self.inputs), (pixel, plane, row, 4 * pixel, 1))
        transposed = points.view(6, 6, down, across, self.inputs).transpose(0, 1)
        shuffled = results.view(4, 4, down, across, self.outputs).permute(2, 0, 3, 1, 4)

        def convolve(source: Tensor, rows: Tensor, first: int) -> None:
            _fill(window, source, first - 1)
            _to_points(tile_rows.unbind(), halfway.unbind())
            _to_points(tile_columns.unbind(), transposed.unbind())
            torch.bmm(points, kernels, out=products)
            products[_ONE] += self._bias
            torch.mm(self._result, products.view(36, -1), out=results)
            if rows.shape[1] % 4 or len(rows) % (4 * down):
                rows.copy_(shuffled.reshape(4 * down, 4 * across, -1)[: len(rows), : rows.shape[1]])
            else:
                rows.unflatten(1, (across, 4)).unflatten(0, (down, 4)).copy_(shuffled)
            rows.relu_()

        return convolve

    def _directly(self, source: Tensor) -> Tensor:
        weight = self._weight.view(3, 3, self.inputs, self.outputs).permute(3, 2, 0, 1)
        return F.conv2d(source.permute(2, 0, 1)[None], weight, self._bias, padding=1)[0].permute(1, 2, 0).relu_()


def _to_points(pixels: Sequence[Tensor], points: Sequence[Tensor]) -> None:
    """B^T along one axis: the six pixels of each tile to values at the six points.

    B^T = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0],
           [0, 4, 0, -5, 0, 1]]
    """
    torch.add(pixels[4], pixels[2], alpha=-5, out=points[0]).add_(pixels[0], alpha=4)
    torch.add(pixels[5], pixels[3], alpha=-5, out=points[5]).add_(pixels[1], alpha=4)
    even, odd = torch.add(pixels[4], pixels[2], alpha=-4), torch.add(pixels[3], pixels[1], alpha=-4)
    torch.add(even, odd, out=points[1])
    torch.sub(even, odd, out=points[2])
    torch.sub(pixels[4], pixels[2], out=even)
    torch.sub(pixels[3], pixels[1], out=odd)
    torch.add(even, odd, alpha=2, out=points[3])
    torch.sub(even, odd, alpha=2, out=points[4])


def _fill(window: Tensor, source: Tensor, start: int) -> None:
    """Rows of `source` from `start` on, zeros where there are none, inside the window's zero columns."""
    low, high = max(start, 0), min(start + len(window), len(source))
    window[: low - start].zero_()
    window[high - start :].zero_()
    window[low - start : high - start, 1 : 1 + source.shape[1]] = source[low:high]
