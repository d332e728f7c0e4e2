"""Run the Socket.IO organisation's protocol suites against our library, if you have a checkout.

`python tests/js/run_suites.py FOLDER` looks for folders with a `test-suite.js` below FOLDER, runs
each with mocha against tests/js/protocol_server.py on port 3000, and compares what fails with
the list below. The suites' text is theirs and not kept here; CI, which cannot fetch it, runs
tests/realtime/test_socketio_protocol.py instead: the same behaviours, asked of our own server.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_OPENS = "an interval below a second is announced as 0"
_TRANSPORT = "no transport named is taken for polling; our door refuses it"
_METHOD = "PUT is answered with 405 instead of 400"
_CLOSE = "a poll that waits is answered with 400 when the client closes"
_MONITOR = "its watch over silent sessions is off; ours is realtime/session.py"
_BODY = "a request is answered OK in capitals, which clients do not read"
# A race, so it may pass: the suites ask at once after the last packet of the upgrade.
_UPGRADED = "until the upgrade's last packet is read, polls are answered with a noop"
_TWICE = "a second WebSocket of a session is left open; our door refuses it"
_E, _S = "engine.io: Engine.IO protocol", "socket.io: Engine.IO protocol"
_PAYLOAD = f"{_E} message HTTP long-polling sends and receives a payload containing"
KNOWN: dict[str, str] = {
    f"{_E} handshake HTTP long-polling successfully opens a session": _OPENS,
    f"{_E} handshake WebSocket successfully opens a session": _OPENS,
    f"{_S} handshake HTTP long-polling should successfully open a session": _OPENS,
    f"{_S} handshake WebSocket should successfully open a session": _OPENS,
    f"{_E} handshake HTTP long-polling fails with an invalid 'transport' query parameter": (
        _TRANSPORT
    ),
    f"{_S} handshake HTTP long-polling should fail with an invalid 'transport' query parameter": (
        _TRANSPORT
    ),
    f"{_E} handshake HTTP long-polling fails with an invalid request method": _METHOD,
    f"{_S} handshake HTTP long-polling should fail with an invalid request method": _METHOD,
    f"{_E} close HTTP long-polling forcefully closes the session": _CLOSE,
    f"{_S} close HTTP long-polling should forcefully close the session": _CLOSE,
    f"{_E} heartbeat HTTP long-polling closes the session upon ping timeout": _MONITOR,
    f"{_S} heartbeat HTTP long-polling should close the session upon ping timeout": _MONITOR,
    f"{_PAYLOAD} one plain text packet": _BODY,
    f"{_PAYLOAD} plain text and binary packets": _BODY,
    f"{_PAYLOAD} several plain text packets": _BODY,
    f"{_E} message HTTP long-polling closes the session upon duplicate poll requests": (
        "several polls at a time are allowed; our door allows one"
    ),
    f"{_E} message HTTP long-polling closes the session upon invalid packet format": (
        "what cannot be read is logged and passed over; our door closes the session"
    ),
    f"{_E} upgrade successfully upgrades from HTTP long-polling to WebSocket": (
        "a noop comes over the new WebSocket first, which clients pass over"
    ),
    f"{_E} upgrade ignores HTTP requests with same sid after upgrade": _UPGRADED,
    f"{_S} upgrade should ignore HTTP requests with same sid after upgrade": _UPGRADED,
    f"{_E} upgrade ignores WebSocket connection with same sid after upgrade": _TWICE,
    f"{_S} upgrade should ignore WebSocket connection with same sid after upgrade": _TWICE,
    "socket.io: Socket.IO protocol connect should disallow connection to an unknown namespace": (
        "the refusal is a bare string; our server says it as an object"
    ),
}
STALE = 1


def main(folder: Path) -> int:
    """Run all suites found; 0 if just what is known fails."""
    suites = sorted(path.parent for path in folder.rglob("test-suite.js") if _is_ours(path))
    if not suites:
        print(f"no test-suite.js below {folder}")
        return 2
    failed: dict[str, str] = {}
    passed: set[str] = set()
    for suite in suites:
        report = run(suite)
        name = json.loads((suite / "package.json").read_text())["name"].partition("-protocol")[0]
        passed |= {f"{name}: {test['fullTitle']}" for test in report["passes"]}
        failed |= {
            f"{name}: {test['fullTitle']}": test["err"].get("message", "")
            for test in report["failures"]
        }
    return tell(passed, failed)


def _is_ours(path: Path) -> bool:
    return "node_modules" not in path.parts


def run(suite: Path) -> dict[str, list[dict[str, Any]]]:
    """One suite, with a server of its own; mocha's JSON report."""
    subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=suite, check=True
    )
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, str(root / "tests/js/protocol_server.py")]
    environ = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as server:
        try:
            assert server.stdout is not None
            assert "listening" in server.stdout.readline()
            mocha = ["npx", "mocha", "test-suite.js", "--reporter", "json", "--exit"]
            done = subprocess.run(mocha, cwd=suite, capture_output=True, text=True, timeout=300)
        finally:
            server.kill()
    report: dict[str, list[dict[str, Any]]] = json.loads(done.stdout[done.stdout.index("{") :])
    return report


def tell(passed: set[str], failed: dict[str, str]) -> int:
    """What is new, what is known, and what is known but passes by now."""
    new = set(failed) - set(KNOWN)
    stale = {title for title in set(KNOWN) & passed if KNOWN[title] != _UPGRADED}
    print(f"{len(passed)} passed, {len(failed)} failed, of these {len(set(failed) - new)} known")
    for title in sorted(new):
        print(f"NEW FAILURE: {title}: {failed[title]}")
    for title in sorted(set(failed) - new):
        print(f"known: {title} ({KNOWN[title]})")
    for title in sorted(stale):
        print(f"PASSES NOW, take it off the list: {title}")
    return STALE if new or stale else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__)
        sys.exit(2)
    sys.exit(main(Path(sys.argv[1])))
