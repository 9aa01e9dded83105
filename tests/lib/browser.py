# SPDX-License-Identifier: BSD-2-Clause
"""Headless Chromium, driven over a pipe by its DevTools protocol: no port, no driver, no library."""
import base64, json, os, select, shutil, subprocess, tempfile, time

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars", "--force-color-profile=srgb",
         "--remote-debugging-pipe"]


def program():
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One page. `told` holds what it said: console messages, exceptions, refusals, and requests it made."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="rg-chromium-")
        ours_r, theirs_w = os.pipe()
        theirs_r, ours_w = os.pipe()
        self.r, self.w = ours_r, ours_w

        def wire():  # 3: commands in, 4: answers out
            a, b = os.dup(theirs_r), os.dup(theirs_w)
            os.dup2(a, 3)
            os.dup2(b, 4)

        # high numbers, so that 3 and 4 are free for the browser
        self.p = subprocess.Popen([program(), *FLAGS, "--user-data-dir=" + self.folder, "about:blank"], close_fds=False,
                                  preexec_fn=wire, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_r)
        os.close(theirs_w)
        self.buf, self.n, self.session = b"", 0, None
        self.told, self.requests, self.answers, self.loaded = [], [], {}, 0
        target = next(t for t in self.wait_targets() if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Log", "Network":
            self.call(domain + ".enable")

    def wait_targets(self):
        while True:
            found = self.call("Target.getTargets")["targetInfos"]
            if any(t["type"] == "page" for t in found):
                return found

    def pump(self, until):
        """Read messages until the condition holds; a browser that says nothing for a minute is an error."""
        while not until():
            if not select.select([self.r], [], [], 60)[0]:
                raise TimeoutError("the browser does not answer")
            got = os.read(self.r, 1 << 20)
            if not got:
                raise EOFError("the browser ended")
            self.buf += got
            *whole, self.buf = self.buf.split(b"\0")
            for m in map(json.loads, whole):
                self.take(m)

    def take(self, m):
        method, p = m.get("method"), m.get("params", {})
        if "id" in m:
            self.answers[m["id"]] = m
        elif method == "Page.loadEventFired":
            self.loaded += 1
        elif method == "Runtime.consoleAPICalled":
            self.told.append(p["type"] + ": " + " ".join(str(a.get("value", a.get("description"))) for a in p["args"]))
        elif method == "Runtime.exceptionThrown":
            d = p["exceptionDetails"]
            self.told.append("exception: " + d.get("exception", {}).get("description", d["text"]))
        elif method == "Log.entryAdded":
            self.told.append(p["entry"]["level"] + ": " + p["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.told.append("dialog: " + p["message"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(p["request"]["url"])

    def call(self, name, **params):
        self.n += 1
        m = {"id": self.n, "method": name, "params": params}
        if self.session:
            m["sessionId"] = self.session
        os.write(self.w, json.dumps(m).encode() + b"\0")
        n = self.n
        self.pump(lambda: n in self.answers)
        a = self.answers.pop(n)
        if "error" in a:
            raise RuntimeError(f"{name}: {a['error']['message']}")
        return a["result"]

    def js(self, code):
        """The value of an expression in the page; promises are waited for."""
        r = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in r:
            raise RuntimeError(r["exceptionDetails"].get("exception", {}).get("description", "?"))
        return r["result"].get("value")

    def wait(self, code, seconds=60):
        end = time.monotonic() + seconds
        while not self.js(code):
            if time.monotonic() > end:
                return False
        return True

    def open(self, path):
        before = self.loaded
        self.call("Page.navigate", url="file://" + path)
        self.pump(lambda: self.loaded > before)

    def screen(self, width, height, dark=False, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def shot(self, file, whole=True):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(file, "wb") as f:
            f.write(base64.b64decode(data))

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
        except (OSError, EOFError, TimeoutError):
            pass
        try:
            self.p.wait(10)
        except subprocess.TimeoutExpired:
            self.p.kill()
        os.close(self.r)
        os.close(self.w)
        shutil.rmtree(self.folder, ignore_errors=True)
