"""A sheet of pixels with a few ways to draw on it, by Pillow and with the fonts that matplotlib brings along."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from c2c_env.core.arrays import Array
from c2c_env.errors import missing_extra

INK = "#1a1a1a"
TEXT_SIZE = 13
_FONTS = {False: "DejaVuSans.ttf", True: "DejaVuSans-Bold.ttf"}


class Sheet:
    """White pixels; every x and y is counted in pixels from the upper left corner.

    Raises:
        MissingExtraError: matplotlib, which brings Pillow and the fonts along, is not installed.
    """

    def __init__(self, width: int, height: int) -> None:
        try:
            import matplotlib  # noqa: F401 - its fonts
            from PIL import Image, ImageDraw
        except ImportError as error:
            raise missing_extra('render_mode "rgb_array"', "matplotlib", "plot") from error
        self.width, self.height = width, height
        self._image = Image.new("RGB", (width, height), "white")
        self._pen = ImageDraw.Draw(self._image)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        colour: str = INK,
        size: int = TEXT_SIZE,
        *,
        bold: bool = False,
        anchor: str = "l",
        room: float | None = None,
    ) -> None:
        """Write words at mid-height y from their left end, middle or right end ("l", "m", "r"), cut to the room."""
        font, glyphs = _font(size, bold)
        known = "".join(ch if ord(ch) in glyphs else "?" for ch in words)
        shown = known if room is None else _cut(known, room, font)
        self._pen.text((round(x), round(y)), shown, fill=colour, font=font, anchor=f"{anchor}m")

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Fill a rectangle from its upper left corner."""
        left, top, right, bottom = round(x), round(y), round(x + width) - 1, round(y + height) - 1
        if right >= left and bottom >= top:
            self._pen.rectangle((left, top, right, bottom), fill=colour)

    def frame(self, x: int, y: int, width: int, height: int, colour: str) -> None:
        """Draw the outline of a rectangle, with a white one within it that sets it off."""
        self._pen.rectangle((x, y, x + width - 1, y + height - 1), outline=colour, width=2)
        self._pen.rectangle((x + 2, y + 2, x + width - 3, y + height - 3), outline="white")

    def arrow(self, x: float, y: float, to: float, colour: str) -> None:
        """Draw a horizontal arrow with a dot at its start, on a white ground of its own."""
        way = 1 if to >= x else -1
        for ink, more in (("white", 1), (colour, 0)):
            head = ((to + way * more, y), (to - way * (7 + more), y - 4 - more), (to - way * (7 + more), y + 4 + more))
            self._pen.line((x, y, to - way * 4, y), fill=ink, width=2 + 2 * more)
            self._pen.ellipse((x - 3 - more, y - 3 - more, x + 3 + more, y + 3 + more), fill=ink)
            self._pen.polygon(head, fill=ink)

    def image(self, colours: Array, x: int, y: int, width: int, height: int) -> None:
        """Draw an array of colours uint8 [rows, columns, 3] as equal rectangles, with row 0 on top."""
        from PIL import Image

        cells = Image.fromarray(colours).resize((width, height), Image.Resampling.NEAREST)
        self._image.paste(cells, (x, y))

    def pixels(self) -> Array:
        """What was drawn, as a uint8 array [height, width, 3]."""
        return np.array(self._image)


@cache
def _font(size: int, bold: bool) -> tuple[Any, frozenset[int]]:
    """A font and the characters that it has."""
    import matplotlib
    from matplotlib.ft2font import FT2Font
    from PIL import ImageFont

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", _FONTS[bold])
    # the basic layout is there in every build of Pillow, so that pictures are the same everywhere
    font = ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    return font, frozenset(FT2Font(str(path)).get_charmap())


def _cut(words: str, room: float, font: Any) -> str:
    """The words if there is room for them, or as many of their characters as there is room for, and an ellipsis."""
    if font.getlength(words) <= room:
        return words
    fitting = bisect_right(range(len(words)), room, key=lambda count: font.getlength(words[:count] + "…"))
    return words[: max(0, fitting - 1)] + "…"
