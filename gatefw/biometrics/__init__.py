"""Faces: pictures to probes, probes to distances, templates to a sealed gallery. Nothing here knows a door."""

import os

# OpenCV reads this once, when it is loaded: a small file that unfolds to more pixels is refused by its decoder, before
# memory is taken for it. A camera picture has 2 megapixels, a photograph for enrolment up to 16.
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(4096 * 4096)
# What its decoders think of a picture is in the error that they raise; standard error need not have it as well.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
