"""A real browser for the tests: Debian's Chromium over its debugging pipe, with the standard library alone.

    with Browser() as browser:
        page = browser.open(path, width=390, height=800)
        page.run("document.title")
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --remote-debugging-pipe --hide-scrollbars --force-color-profile=srgb
    --disable-dev-shm-usage""".split()
# The browser reads commands from file descriptor 3 and writes to 4.
START = "import os, sys; r, w, *run = sys.argv[1:]; os.dup2(int(r), 3); os.dup2(int(w), 4); os.execv(run[0], run)"
KEYS = {"Enter": "\r", "Tab": "", "Escape": "", "ArrowLeft": "", "ArrowRight": "", "ArrowUp": "", "ArrowDown": "",
        "Home": "", "End": "", "PageUp": "", "PageDown": ""}  # fmt: skip
CODES = {"Enter": 13, "Tab": 9, "Escape": 27, "PageUp": 33, "PageDown": 34, "End": 35, "Home": 36, "ArrowLeft": 37,
         "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}  # fmt: skip


def find():
    """The path of a browser, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """A process of the browser. `with` starts it and ends it."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in (*os.pipe(), *os.pipe())]
        self.inbox, self.outbox = ends[2], ends[1]                  # what we read, what we write
        command = [find(), *FLAGS, f"--user-data-dir={self.folder.name}"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, str(ends[0]), str(ends[3]), *command], pass_fds=(ends[0], ends[3]),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(ends[0])
        os.close(ends[3])
        self.count, self.text, self.events = 0, b"", []
        return self

    def __exit__(self, *_):
        try:
            self.send("Browser.close")
            self.process.wait(timeout=10)
        except Exception:
            self.process.kill()
            self.process.wait()
        os.close(self.inbox)
        os.close(self.outbox)
        self.folder.cleanup()

    def send(self, method, session=None, **params):
        """One command and its result. What happens meanwhile is kept in `events`."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.outbox, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 60
        while True:
            answer = self.read(end - time.monotonic())
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def read(self, seconds):
        while b"\0" not in self.text:
            if not select.select([self.inbox], [], [], max(seconds, 0))[0]:
                raise TimeoutError("the browser does not answer")
            part = os.read(self.inbox, 1 << 20)
            if not part:
                raise RuntimeError("the browser has ended")
            self.text += part
        message, _, self.text = self.text.partition(b"\0")
        return json.loads(message)

    def open(self, path, hash="", width=1280, height=800, dark=False, still=False, touch=False):
        """A new page that shows a file, at a true width."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, target)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.send(f"{domain}.enable")
        page.size(width, height, touch)
        page.send("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}])  # fmt: skip
        page.goto(Path(path).resolve().as_uri() + hash)
        return page


class Page:
    """One page: run code in it, press keys, click, look, listen."""

    def __init__(self, browser, session, target):
        self.browser, self.session, self.target = browser, session, target

    def send(self, method, **params):
        return self.browser.send(method, self.session, **params)

    def goto(self, url):
        self.send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def close(self):
        self.browser.send("Target.closeTarget", targetId=self.target)

    def size(self, width, height, touch=False):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)

    def run(self, code):
        """The value of an expression, or of a promise; an error in the page is an error here."""
        got = self.send("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            detail = got["exceptionDetails"]
            raise RuntimeError(detail.get("exception", {}).get("description", detail["text"]))
        return got["result"].get("value")

    def wait(self, code, seconds=30):
        end = time.monotonic() + seconds
        while not self.run(code):
            if time.monotonic() > end:
                raise TimeoutError(code)
            time.sleep(0.02)

    def key(self, name):
        """Press a key where the focus is."""
        text = KEYS.get(name, name)
        rest = {"key": name, "windowsVirtualKeyCode": CODES.get(name, ord(name[0].upper()))}
        self.send("Input.dispatchKeyEvent", type="keyDown", **rest, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", **rest)

    def mouse(self, selector, click=True):
        """Move the mouse to the middle of an element, as a hand does, and click."""
        x, y = self.run(f"""(() => {{ const node = document.querySelector({json.dumps(selector)});
            node.scrollIntoView({{ block: "center" }}); const box = node.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2]; }})()""")
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased") if click else ():
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self, path, whole=False):
        """A PNG of the window, or of the whole page."""
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(shot["data"]))

    def said(self):
        """What the page wrote to the console, errors that nobody caught, requests for anything but the file."""
        self.run("0")
        found = []
        for event in (e for e in self.browser.events if e.get("sessionId") == self.session):
            method, params = event.get("method"), event.get("params", {})
            if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                found.append((method, json.dumps(params)[:400]))
            if method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "data:")):
                found.append((method, params["request"]["url"]))
        return found
