"""3x3 convolutions with a quarter of the multiplications, for CPUs in float32.

Winograd's minimal filtering F(4x4, 3x3), as Lavin and Gray apply it to networks (arXiv 1509.09308, section 4): the map
is cut into tiles of 6x6 pixels that overlap by 2. Tile d and kernel g are transformed, multiplied point by point, which
over all channels is one matrix product for each of the 36 points, and transformed back to 4x4 pixels of result:

    Y = A^T [ (G g G^T) * (B^T d B) ] A

That is 36 multiplications for 16 results instead of 144. Each two-sided product is written as one matrix product with
the Kronecker square: a 36x36, 36x9 or 16x36 matrix against all tiles and channels at once.

Maps lie as (rows, columns, channels), channels a multiple of 8 (`padded`), the surplus zero.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# The transforms of section 4.3, whose interpolation points are 0, 1, -1, 2, -2 and infinity.
_DATA = torch.tensor(  # B^T
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    dtype=torch.float64,
)
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
_TILES = 320  # about as many at a time: enough rows for matrix products at full speed, few enough for the cache


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
        self._data = torch.kron(_DATA, _DATA).float()
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
        kernels = self.transformed() if transformed is None else transformed
        columns = source.shape[1]
        across = -(-columns // 4)
        down = min(max(1, _TILES // across), -(-len(target) // 4))
        tiles = down * across
        window = source.new_zeros(4 * down + 2, 4 * across + 2, self.inputs)
        row, column, _ = window.stride()
        cut = window.as_strided((6, 6, down, across, self.inputs), (row, column, 4 * row, 4 * column, 1))
        data, points = source.new_empty(cut.shape), source.new_empty(36, tiles, self.inputs)
        products, results = source.new_empty(36, tiles, self.outputs), source.new_empty(16, tiles * self.outputs)
        shuffled = results.view(4, 4, down, across, self.outputs).permute(2, 0, 3, 1, 4)
        for top in range(0, len(target), 4 * down):
            _fill(window, source, first + top - 1)
            data.copy_(cut)
            torch.mm(self._data, data.view(36, -1), out=points.view(36, -1))
            torch.bmm(points, kernels, out=products)
            products[_ONE] += self._bias
            torch.mm(self._result, products.view(36, -1), out=results)
            rows = target[top : top + 4 * down]
            if columns % 4 or len(rows) % (4 * down):
                rows.copy_(shuffled.reshape(4 * down, 4 * across, -1)[: len(rows), :columns])
            else:
                rows.unflatten(1, (across, 4)).unflatten(0, (down, 4)).copy_(shuffled)
            rows.relu_()
        return target


def _fill(window: Tensor, source: Tensor, start: int) -> None:
    """Rows of `source` from `start` on, zeros where there are none, inside the window's zero columns."""
    low, high = max(start, 0), min(start + len(window), len(source))
    window[: low - start].zero_()
    window[high - start :].zero_()
    window[low - start : high - start, 1 : 1 + source.shape[1]] = source[low:high]
