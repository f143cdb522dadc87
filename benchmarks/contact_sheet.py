"""Pictures before and after, side by side: python benchmarks/contact_sheet.py OUT.jpg PHOTO... [--model lite]"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageOps

import retint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--render-factor", type=int)
    parser.add_argument("--height", type=int, default=320)
    parser.add_argument("--columns", type=int, default=2)
    arguments = parser.parse_args()
    colorizer = retint.load_colorizer(arguments.model)
    pairs: list[Image.Image] = []
    for path in arguments.photos:
        photo = ImageOps.exif_transpose(Image.open(path)).convert("L").convert("RGB")
        photo = ImageOps.contain(photo, (arguments.height * 2, arguments.height))
        coloured = colorizer.render(photo, arguments.render_factor)
        pair = Image.new("RGB", (photo.width * 2 + 4, photo.height), "white")
        pair.paste(photo, (0, 0))
        pair.paste(coloured, (photo.width + 4, 0))
        pairs.append(pair)
    rows = [pairs[start : start + arguments.columns] for start in range(0, len(pairs), arguments.columns)]
    width = max(sum(pair.width + 8 for pair in row) for row in rows)
    sheet = Image.new("RGB", (width, sum(max(pair.height for pair in row) + 8 for row in rows)), "white")
    top = 0
    for row in rows:
        left = 0
        for pair in row:
            sheet.paste(pair, (left, top))
            left += pair.width + 8
        top += max(pair.height for pair in row) + 8
    sheet.save(arguments.target, quality=88)


if __name__ == "__main__":
    main()
