"""Makes the film of the fake camera: a face that is far, comes near until it fills the oval, and stays there.

    python film.py OUT.mjpeg [--far-only]

The face is `astronaut.png` of scikit-image: NASA, public domain. The package is not imported. Chromium reads the film
from a file of JPEG images, one after another, shows 30 of them in a second, and begins again after the last. It names
the camera after the file; the component refuses a camera whose name contains "virtual", and does not mirror the picture
of one whose name contains "back".
"""

import importlib.util
import io
import sys
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT, IMAGES_PER_SECOND = 640, 480, 30
FACE_X, FACE_Y = 225, 120  # the centre of the face in the picture
FAR, NEAR = 1.45, 3.1  # scales of the picture


def image(picture: Image.Image, scale: float) -> bytes:
    """Returns a JPEG of the picture with the face in the centre, or as near to it as the picture permits."""
    left = min(max(FACE_X - WIDTH / 2 / scale, 0), picture.width - WIDTH / scale)
    top = min(max(FACE_Y - HEIGHT / 2 / scale, 0), picture.height - HEIGHT / scale)
    transform = (1 / scale, 0, left, 0, 1 / scale, top)
    shown = picture.transform((WIDTH, HEIGHT), Image.Transform.AFFINE, transform, Image.Resampling.BILINEAR)
    jpeg = io.BytesIO()
    shown.save(jpeg, "JPEG", quality=80)
    return jpeg.getvalue()


def film(picture: Image.Image) -> bytes:
    """Returns 2 s of the far face, 1.5 s of its approach, and 7 s of the near face."""
    steps = round(1.5 * IMAGES_PER_SECOND)
    approach = [image(picture, FAR + (NEAR - FAR) * step / steps) for step in range(1, steps + 1)]
    near = image(picture, NEAR) * 7 * IMAGES_PER_SECOND
    return image(picture, FAR) * 2 * IMAGES_PER_SECOND + b"".join(approach) + near


def main() -> None:
    [package] = importlib.util.find_spec("skimage").submodule_search_locations
    picture = Image.open(Path(package) / "data/astronaut.png").convert("RGB")
    content = image(picture, FAR) * IMAGES_PER_SECOND if "--far-only" in sys.argv else film(picture)
    Path(sys.argv[1]).write_bytes(content)


main()
