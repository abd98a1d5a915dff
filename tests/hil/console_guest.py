"""The officer's console in the booted container: enabled as docs/console.md says, looked at as a browser does, broken.

It reaches the one lane of that gate by both ways that the docs name: the bus's sockets, and their relay.
"""

import http.client
import json
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

from guest import PATIENCE_S, main_pid, note, opens, strike, systemctl, until

UNIT = "gatefw-console"
FILE = Path("/etc/gatefw/console.toml")
DESK = Path("/root/console")
HOST = "127.0.0.1:8092"
ORIGIN = {"Origin": f"http://{HOST}", "Content-Type": "application/json"}
PASSWORD = "correct horse battery"
LANES = """\
[[lane]]
name = "e-channel-1"
key = "e-channel-1.key"

[[lane]]
name = "by-relay"
key = "e-channel-1.key"
events = "tcp://127.0.0.1:5571"
replay = "tcp://127.0.0.1:5572"
orders = "tcp://127.0.0.1:5573"
"""


class Browser:
    """An officer's, with the cookies that it was given."""

    def __init__(self) -> None:
        self._cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, told: object = None, **headers: str) -> tuple[int, bytes]:
        """Status and body; 0 where nobody answers."""
        with closing(self._connected()) as server:
            try:
                sent = None if told is None else json.dumps(told)
                server.request(method, path, sent, {**ORIGIN, "Cookie": self._cookie(), **headers})
                answer = server.getresponse()
                for given in answer.headers.get_all("Set-Cookie", ()):
                    name, _, value = given.partition(";")[0].partition("=")
                    self._cookies[name] = value
                return answer.status, answer.read()
            except OSError:
                return 0, b""

    def login(self, name: str) -> int:
        return self.ask("POST", "/login", {"name": name, "password": PASSWORD})[0]

    def order(self, verb: str, expects: str) -> int:
        csrf = str(json.loads(self.ask("GET", "/session")[1])["csrf"])
        return self.ask("POST", "/lanes/e-channel-1/orders", {"verb": verb, "expects": expects}, **{"X-CSRF": csrf})[0]

    def sees(self, phase: str) -> dict[str, str]:
        """Of each lane its phase, once all are in that one, or as they are when patience ends."""
        ends_s, phases = time.monotonic() + PATIENCE_S, dict[str, str]()
        with closing(self._connected()) as server:
            server.request("GET", "/lanes", headers={"Cookie": self._cookie()})
            for line in server.getresponse():
                row = json.loads(line[6:]) if line.startswith(b'data: {"') else {}
                phases = {each["id"]: each["phase"] for each in row.get("lanes", ())} or phases
                if time.monotonic() > ends_s or set(phases.values()) == {phase}:
                    break
        return phases

    def _connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(HOST, timeout=PATIENCE_S)

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())


def comes_up() -> None:
    """A site writes its file, and does what stands in docs/console.md, word for word."""
    DESK.mkdir()
    (DESK / "console.toml").write_text(LANES + officer("mk"))
    done = subprocess.run(["sh", "-ec", Path("/gate/console.sh").read_text()], cwd=DESK, capture_output=True, text=True)
    note("the console is enabled as its docs say", done.stderr or done.returncode, ok=done.returncode == 0)
    systemctl("start", *(f"gatefw-bus-{name}.socket" for name in ("events", "replay", "orders")))
    came = until(lambda: Browser().ask("GET", "/")[0] == 200)
    note("the console's page is served", came, ok=came)
    failed = systemctl("--failed", "--no-legend", "--plain")
    note("no unit failed with the console", failed or "none", ok=not failed)


def officer(name: str) -> str:
    made = subprocess.run(["gatefw", "console", "--hash"], input=f"{PASSWORD}\n", capture_output=True, text=True)
    return f'\n[[officer]]\nname = "{name}"\nmay = ["read", "operate"]\n{made.stdout}'


def works() -> None:
    """An officer logs in, sees the lane by either way, and closes and opens it; what is not theirs stays shut."""
    browser = Browser()
    note("an officer logs in", status := browser.login("mk"), ok=status == 204)
    for phase, verb in (("idle", "close"), ("out_of_service", "open"), ("idle", "")):
        phases = browser.sees(phase)
        note(f"the console sees the lane by both ways, {phase}", phases, ok=_all(phases, phase))
        if verb:
            note(f"the console orders {verb}", status := browser.order(verb, phase), ok=status == 200)
    note("the console opens its own file", FILE, ok=opens(UNIT, str(FILE)))
    for path in ("/run/gatefw/control.sock", "/var/lib/gatefw/journal.sqlite", "/var/lib/gatefw-vision/gallery.sqlite"):
        note(f"the console cannot open {path}", opens(UNIT, path), ok=not opens(UNIT, path))
    for unit in ("gatefw", "gatefw-vision", "gatefw-web", "gatefw-screen"):
        note(f"{unit} cannot open the console's file", opens(unit, str(FILE)), ok=not opens(unit, str(FILE)))
    reloads(browser)


def reloads(browser: Browser) -> None:
    """Another officer has the desk from now on; the process is the same, and so are its lanes."""
    pid = main_pid(UNIT)
    FILE.write_text(LANES + officer("b-207"))
    systemctl("reload", f"{UNIT}.service")
    out = until(lambda: browser.ask("GET", "/session")[0] == 401)
    note("after a reload whoever is no officer any more is logged out", out, ok=out)
    note("nor do they get in again", status := browser.login("mk"), ok=status == 401)
    note("the new officer does", status := browser.login("b-207"), ok=status == 204)
    note("a reload keeps the process", main_pid(UNIT) == pid, ok=main_pid(UNIT) == pid)


def breaks() -> None:
    """It is killed and comes back, and the lane heard nothing of it."""
    browser = Browser()
    struck_s = strike(UNIT, signal.SIGKILL, "status=9/KILL", "the console is killed and started again")
    until(lambda: browser.ask("GET", "/")[0] == 200)
    note("an officer logs in again", status := browser.login("b-207"), ok=status == 204)
    phases = browser.sees("idle")
    note("the console sees the lane again by both ways", phases, ok=_all(phases, "idle"))
    note("seconds until then", f"{time.monotonic() - struck_s:.1f}", ok=True)


def _all(phases: dict[str, str], phase: str) -> bool:
    return phases == {"e-channel-1": phase, "by-relay": phase}
