"""The biometric process: cameras, models and gallery; every untrusted picture is decoded here and nowhere else.

    python -m gatefw.vision --config FILE

It talks through `vision.sock` (see `vision_server`) and knows neither doors nor lane. Requests, besides `id` and `do`:

    verify   subject, deadline_s           hints, then {"matched", "reason", "score", "threshold", "fmr", "frames"};
                                           a newer question about a face ends an older one
    verify_portrait  portrait, deadline_s  the same, against the portrait of a document (JPEG or JPEG 2000, base64);
                                           nothing of it is kept
    identify deadline_s                    hints, then {"reason", "subject", "score", "threshold", "gallery", "fpir",
                                           "frames", "more_evidence"}; a subject and a score when the reason is "ok",
                                           else null; more_evidence: more are enrolled than a face can tell apart
    enrol_live  subject, partition,        hints, then {"reason", "templates", "twice"}: the portrait and the living
                expires_at, portrait,      face that fits it are enrolled; without "ok" nobody is
                deadline_s
    codes    wanted                        {}; from now on, or no more, {"code": {"camera", "payload"}} for each QR code
                                           (base64) that a camera for codes sees, once while it is in sight
    cancel   of                            ends the question with that id, which fails as "cancelled"
    enrol    subject, photos, expires_at,  photos: paths of 1 to 8 pictures of one person, partition: "main" when it is
             partition                     not said; {"templates": n, "twice": [ids]}: others with this face, null
                                           where too many are enrolled to look for them
    revoke   subject                       {"revoked": true or false}
    partition_make  partition, expires_at  {}
    partition_destroy  partition           {"people": n}: whose templates are destroyed with its key
    list     after                         {"subjects": [{"subject", "templates", "expires_at", "partition"}]}: at most
                                           `vision_wire.LISTED`, in order, from the first one after `after` (not said:
                                           from the first)
    health                                 {"ok", "reversed", "cameras": {name: {"lost", "ail", "why"}}, "ailments"}:
                                           which way of the lane it has (`reversal`); reasons, or ""; what ails the
                                           process itself (`vision_wire.OWN_AILMENTS`)
    figures                                {"cameras": {name: {the same, "frames_per_s", "brightness", "width_px",
                                           "height_px", "focus"}}}; every frame is counted while somebody goes on asking
    stop                                   {} and the process ends

Where `[face] require_liveness` says so, each question about a face ends with the reason "not_live" or
"liveness_unavailable", whoever it is, as soon as a face does not pass; no face is compared that did not.

Where `[screen] mirror` says so, a question about a face is seen on the traveller's screen: `vision_mirror`.

The socket has a thread, each camera has one, and there is this one, which alone touches models and gallery and never
waits longer than a twentieth of a second while a face is looked at, so that its deadline holds. Killed at any moment it
leaves a whole gallery and a socket that the next one replaces.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from types import FrameType

import hw
from gatefw import config, hardening, log_words
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.gallery import Gallery, keys_of
from gatefw.biometrics.liveness import AttackDetector, Judge
from gatefw.biometrics.runtime import Delegate, Runtime
from gatefw.errors import DeviceLost, SetupError
from gatefw.key_ring import KeyRing
from gatefw.keys import load_or_create
from gatefw.notify import Notifier, Turns
from gatefw.ports import Camera
from gatefw.vision_feed import Eyes, Feeds
from gatefw.vision_look import NO_GLASS, Glass
from gatefw.vision_mirror import Mirror
from gatefw.vision_server import Server
from gatefw.vision_settings import CameraPlace, VisionSettings
from gatefw.vision_worker import Vision


def serve(settings: VisionSettings, child: bool) -> None:
    """Serve until `stop`, SIGTERM or SIGINT; as a child, also until standard input ends: its parent is gone then.

    Raises SetupError when models, gallery, key or socket cannot be used, DeviceLost when it should be started again.
    """
    places = (settings.verifying, settings.having(codes=True), settings.identifying)
    inside, before, front = ({each.name: _opener(each) for each in some} for some in places)
    names = settings.detector, settings.embedder
    with ExitStack() as stack:
        chain = Chain.load(settings.models, *names, Runtime(settings.runtime), Delegate(settings.delegate))
        judge = _judge(settings)
        gallery = stack.enter_context(closing(opened_gallery(settings)))
        server = stack.enter_context(closing(Server(settings.socket)))
        faces, codes = (stack.enter_context(closing(Feeds(cameras))) for cameras in (inside, before))
        only = front.keys() == inside.keys()
        identify = faces if only else stack.enter_context(closing(Feeds(front))) if front else None
        seen_by = Eyes(faces, codes, identify)
        glass = _mirror(settings, stack)
        vision = Vision(
            settings, chain, gallery, seen_by, server, judge=judge, turned=Turns(Notifier()).took, glass=glass
        )
        _stop_at_signals(vision)
        if child:
            threading.Thread(target=_stop_with_parent, args=(vision,), name="parent", daemon=True).start()
        vision.run()


def opened_gallery(settings: VisionSettings) -> Gallery:
    """With its keys kept as the lane file says. Raises StoreError."""
    for directory in (settings.key.parent, keys_of(settings.gallery).directory):
        KeyRing(directory).require(settings.keeping)  # before the first key is made
    return Gallery(settings.gallery, load_or_create(settings.key, store_exists=settings.gallery.exists()))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gatefw.vision", description="The biometric process of a lane.")
    parser.add_argument("--config", type=Path, required=True, help="the lane's config file")
    parser.add_argument("--child", action="store_true", help="end when standard input ends")
    options = parser.parse_args(arguments)
    log_words.begin(logging.INFO, "vision: %(levelname)s: %(message)s")
    hardening.harden()
    try:
        serve(config.load(options.config, hw.schema).vision, options.child)
    except SetupError as error:
        print(f"vision: {error}", file=sys.stderr)
        return 2
    except DeviceLost as error:
        logging.getLogger(__name__).error("%s; ends, to be started again", error)
        return 3
    return 0


def _opener(camera: CameraPlace) -> Callable[[], Camera]:
    """Raises SetupError when there is no such driver."""
    driver = hw.load("camera", camera.driver)

    def open_camera() -> Camera:
        opened: Camera = driver.open(camera.settings)
        return opened

    return open_camera


def _judge(settings: VisionSettings) -> Judge | None:
    """What judges whether faces live, where that is required. Raises ModelError: no detector that satisfies."""
    if not settings.require_liveness:
        return None
    how = Runtime(settings.runtime), Delegate(settings.delegate)
    return AttackDetector.load(settings.models, settings.pad, *how).judge


def _mirror(settings: VisionSettings, stack: ExitStack) -> Glass:
    """What the traveller's screen may see, where the lane file says so; no lane closes because it cannot be had."""
    if settings.mirror is None:
        return NO_GLASS
    try:
        return stack.enter_context(closing(Mirror(settings.mirror)))
    except SetupError as error:
        logging.getLogger(__name__).error("mirror: %s; the lane goes on without one", error)
        return NO_GLASS


def _stop_at_signals(vision: Vision) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        vision.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _stop_with_parent(vision: Vision) -> None:
    """Not by `sys.stdin`, whose lock the interpreter wants when it ends for another reason, and dies of."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    vision.stop()


if __name__ == "__main__":
    sys.exit(main())
