//! Chromium (Debian's `chromium`, headless) over its debugging pipe: real input and layout, every request and every
//! message of the console seen.
#![allow(dead_code, reason = "each test uses a part")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

#[path = "missing.rs"]
mod missing;

/// An answer that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A page in a window of its own.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<String>,
    calls: u64,
    session: Option<String>,
    events: Vec<Value>,
    profile: PathBuf,
    size: (u32, u32),
}

impl Browser {
    /// A browser for the test of this name. `None`, with a message, where no chromium is installed; where one is and
    /// does not start, the test fails.
    pub fn start(name: &str) -> Option<Self> {
        let Some(program) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
            match Command::new(name).arg("--version").output() {
                Ok(output) => {
                    assert!(output.status.success(), "{name} is installed and does not start: {output:?}");
                    true
                }
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{name}: {error}");
                    false
                }
            }
        }) else {
            missing::skip("chromium", "tests/packages.sh chromium");
            return None;
        };
        let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("profile-{name}"));
        std::fs::remove_dir_all(&profile).ok();
        // The pipe is descriptors 3 and 4 by convention; the shell makes them of what we have.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh", program])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--force-color-profile=srgb", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let to = child.stdin.take().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (sender, from) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while matches!(out.read_until(0, &mut message), Ok(n) if n > 0) {
                message.pop();
                if sender.send(String::from_utf8_lossy(&message).into_owned()).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut browser = Self { child, to, from, calls: 0, session: None, events: Vec::new(), profile, size: (0, 0) };
        let targets = browser.call("Target.getTargets", json!({}));
        let page = targets["targetInfos"].as_array().unwrap().iter().find(|target| target["type"] == "page").unwrap();
        let attached = json!({"targetId": page["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attached)["sessionId"].as_str().unwrap().to_owned();
        browser.session = Some(session);
        for domain in ["Page", "Runtime", "Network", "Log", "Accessibility"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.window(1_200, 900);
        browser.prefers("light");
        Some(browser)
    }

    /// One call of the debugging protocol.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).expect("chromium listens");
        loop {
            let answer = self.next(method);
            if answer["id"] == json!(id) {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    fn next(&mut self, what: &str) -> Value {
        let text = self.from.recv_timeout(PATIENCE);
        let text = text.unwrap_or_else(|error| panic!("chromium is installed and gives no answer to {what}: {error}"));
        serde_json::from_str(&text).unwrap()
    }

    /// The size of the window in px; below 700 it is a telephone's.
    pub fn window(&mut self, width: u32, height: u32) {
        self.size = (width, height);
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700});
        self.call("Emulation.setDeviceMetricsOverride", size);
        self.call("Emulation.setTouchEmulationEnabled", json!({"enabled": width < 700}));
    }

    /// What the reader prefers: `light` or `dark`.
    pub fn prefers(&mut self, scheme: &str) {
        // Without motion: what is scrolled to is there at once.
        let features = json!([{"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"}]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Opens a file and waits until it is there.
    pub fn open(&mut self, file: &Path) {
        self.events.clear();
        let went = self.call("Page.navigate", json!({"url": format!("file://{}", file.display())}));
        assert!(went["errorText"].is_null(), "{went}");
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.next("a page");
            self.events.push(event);
        }
    }

    /// The value of an expression in the page; a promise's once it is kept.
    pub fn eval(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Whether an expression is true.
    pub fn is(&mut self, expression: &str) -> bool {
        self.eval(expression) == json!(true)
    }

    /// A mouse event: `mouseMoved`, `mousePressed`, `mouseReleased`.
    pub fn mouse(&mut self, kind: &str, (x, y): (f64, f64), clicks: u32) {
        let held = u32::from(kind != "mouseReleased" && clicks > 0);
        let button = if clicks > 0 { "left" } else { "none" };
        let event = json!({"type": kind, "x": x, "y": y, "button": button, "buttons": held, "clickCount": clicks});
        self.call("Input.dispatchMouseEvent", event);
    }

    /// A click at the middle of the first element that is found and visible.
    pub fn click(&mut self, query: &str) {
        let at = self.middle(query);
        self.mouse("mouseMoved", at, 0);
        self.mouse("mousePressed", at, 1);
        self.mouse("mouseReleased", at, 1);
    }

    /// The middle of the first visible element of this kind, scrolled into view.
    pub fn middle(&mut self, query: &str) -> (f64, f64) {
        let found = self.eval(&format!(
            "(() => {{ const e = [...document.querySelectorAll({query:?})].find((e) => e.getClientRects().length && e.checkVisibility()); \
             if (!e) return null; e.scrollIntoView({{block: 'center', behavior: 'instant'}}); \
             const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        let place = |i: usize| found[i].as_f64().unwrap_or_else(|| panic!("nothing visible is {query}"));
        (place(0), place(1))
    }

    /// A key, by its name in `KeyboardEvent.key`.
    pub fn key(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            " " => (32, " "),
            "End" => (35, ""),
            "Home" => (36, ""),
            "ArrowLeft" => (37, ""),
            "ArrowRight" => (39, ""),
            "ArrowDown" => (40, ""),
            _ => (u32::from(key.as_bytes()[0]), key),
        };
        let event = |kind: &str| json!({"type": kind, "key": key, "windowsVirtualKeyCode": code, "text": text});
        self.call("Input.dispatchKeyEvent", event("keyDown"));
        self.call("Input.dispatchKeyEvent", event("keyUp"));
    }

    /// What went wrong since the page was opened: messages of the console, exceptions, and whatever was fetched.
    pub fn trouble(&mut self) -> Vec<String> {
        // Whatever is under way has arrived before this answer.
        self.eval("new Promise((done) => setTimeout(done, 30))");
        let wrong = |event: &Value| match event["method"].as_str().unwrap_or("") {
            "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded" => Some(event.to_string()),
            "Network.requestWillBeSent" if event["params"]["type"] != "Document" => {
                let url = event["params"]["request"]["url"].as_str().unwrap_or("");
                (!url.starts_with("data:")).then(|| format!("fetched {url}"))
            }
            "Page.javascriptDialogOpening" => Some("a script of a name ran".to_owned()),
            _ => None,
        };
        let mut found: Vec<String> = self.events.iter().filter_map(wrong).collect();
        let timed = self.eval("performance.getEntriesByType('resource').map((e) => e.name).join(' ')");
        let timed =
            timed.as_str().unwrap_or("").split(' ').filter(|name| !name.is_empty() && !name.starts_with("data:"));
        found.extend(timed.map(|name| format!("fetched {name}")));
        found
    }

    /// The whole page as a PNG, or what the window shows of it.
    pub fn screenshot(&mut self, whole: bool) -> Vec<u8> {
        let taken = self.call("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": whole}));
        base64(taken["data"].as_str().unwrap())
    }

    /// The page as it is printed.
    pub fn pdf(&mut self) -> Vec<u8> {
        base64(self.call("Page.printToPDF", json!({"printBackground": true}))["data"].as_str().unwrap())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its children end with it; killing the first one alone would leave them.
        self.to.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0").ok();
        let over = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            matches!(self.child.try_wait(), Ok(Some(_)))
        });
        if !over {
            self.child.kill().ok();
            self.child.wait().ok();
        }
        std::fs::remove_dir_all(&self.profile).ok();
    }
}

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => Some(u32::from(c - b'A')),
        b'a'..=b'z' => Some(u32::from(c - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(c - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let letters: Vec<u32> = text.bytes().filter_map(value).collect();
    let bytes = |four: &[u32]| {
        let word = four.iter().fold(0, |word, value| word << 6 | value) << (6 * (4 - four.len()));
        word.to_be_bytes()[1..four.len()].to_vec()
    };
    letters.chunks(4).flat_map(bytes).collect()
}
