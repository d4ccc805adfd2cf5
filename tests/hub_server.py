"""A small Hub on the loopback address: repositories of files, an API to list them, and faults."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

CHUNK = 4096


@dataclass(frozen=True)
class Asked:
    """One request: its method, path, Range header and token."""

    method: str
    path: str
    range: str
    token: str


@dataclass
class Repository:
    """Files by name, and what goes wrong with them.

    gated: status for whom asks for a file. cut: name -> bytes after which the connection drops,
    each time anew. truncated: name -> bytes that are all the server has. fails: name -> how often
    it answers 500 first; "" is the listing. slow: seconds between two chunks. silent: names that
    are never answered. lies: name -> other bytes of the same length.
    branches: besides main; only their names are known.
    """

    files: dict[str, bytes]
    gated: int = 0
    cut: dict[str, list[int]] = field(default_factory=dict)
    truncated: dict[str, int] = field(default_factory=dict)
    fails: dict[str, int] = field(default_factory=dict)
    slow: float = 0.0
    silent: set[str] = field(default_factory=set)
    lies: dict[str, bytes] = field(default_factory=dict)
    parameters: int = 0
    branches: tuple[str, ...] = ()

    @property
    def commit(self) -> str:
        return hashlib.sha1(repr(sorted(self.files.items())).encode()).hexdigest()

    def has(self, revision: str) -> bool:
        return revision in ("main", self.commit)

    def entry(self, name: str) -> dict[str, Any]:
        """As `?blobs=true` lists it; weights are kept as LFS, like on the real Hub."""
        body = self.files[name]
        known = {"rfilename": name, "size": len(body), "blobId": git_sha1(body)}
        if name.endswith((".safetensors", ".bin")):
            sha = hashlib.sha256(body).hexdigest()
            known["lfs"] = {"size": len(body), "sha256": sha, "pointerSize": 134}
        return known

    def etag(self, name: str) -> str:
        entry = self.entry(name)
        return str(entry["lfs"]["sha256"] if "lfs" in entry else entry["blobId"])


def git_sha1(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


class Hub:
    """What it serves, and what it was asked."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.asked: list[Asked] = []
        self.sent: dict[str, int] = {}
        self.endpoint = ""
        self.closing = threading.Event()

    def add(self, name: str, folder: Path, **faults: Any) -> Repository:
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        self.repositories[name] = Repository(files, **faults)
        return self.repositories[name]

    def ranges(self, name: str) -> list[str]:
        """The Range headers with which a file was asked for ("" for the whole of it)."""
        return [a.range for a in self.asked if a.method == "GET" and a.path.endswith(f"/{name}")]


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        thread.join()
        server.socket.close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        token = self.headers.get("Authorization", "")
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(Asked(self.command, path, self.headers.get("Range", ""), token))
        try:
            self._route(path.strip("/").split("/"))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _route(self, parts: list[str]) -> None:
        listing = parts[:2] == ["api", "models"]
        parts = parts[2:] if listing else parts
        repository = self.hub.repositories.get("/".join(parts[:2]))
        if repository is None:
            return self._refuse(401, "RepoNotFound")  # as the real one answers who is not logged in
        if listing and parts[2:] == ["refs"]:
            names = ("main", *repository.branches)
            return self._json(
                {
                    "branches": [
                        {"name": n, "ref": f"refs/heads/{n}", "targetCommit": repository.commit}
                        for n in names
                    ],
                    "converts": [],
                    "tags": [],
                }
            )
        kind, revision = (*parts[2:4], "main", "main")[:2] if len(parts) > 2 else ("", "main")
        if not repository.has(revision):
            return self._refuse(404, "RevisionNotFound")
        if not listing:
            return self._file(repository, "/".join(parts[4:]))
        if self._breaks(repository, ""):
            return None
        if kind == "tree":
            return self._json([self._leaf(repository, name) for name in repository.files])
        known: dict[str, Any] = {
            "id": "/".join(parts[:2]),
            "sha": repository.commit,
            "siblings": [repository.entry(name) for name in repository.files],
        }
        if repository.parameters:
            known["safetensors"] = {"parameters": {}, "total": repository.parameters}
        return self._json(known)

    def _leaf(self, repository: Repository, name: str) -> dict[str, Any]:
        entry = repository.entry(name)
        leaf = {"type": "file", "path": name, "size": entry["size"], "oid": entry["blobId"]}
        if "lfs" in entry:
            lfs = entry["lfs"]
            leaf["lfs"] = {"oid": lfs["sha256"], "size": lfs["size"], "pointerSize": 134}
        return leaf

    def _breaks(self, repository: Repository, name: str) -> bool:
        if name in repository.silent:
            self.hub.closing.wait(60)
            self.close_connection = True
            return True
        if repository.fails.get(name, 0) > 0:
            repository.fails[name] -= 1
            self._refuse(500, "")
            return True
        return False

    def _file(self, repository: Repository, name: str) -> None:
        if name not in repository.files:
            return self._refuse(404, "EntryNotFound")
        if repository.gated:
            return self._refuse(repository.gated, "GatedRepo")
        if self.command == "GET" and self._breaks(repository, name):
            return None
        body = repository.lies.get(name, repository.files[name])
        begin = 0
        if asked := self.headers.get("Range", ""):
            begin = int(asked.removeprefix("bytes=").partition("-")[0])
        end = repository.truncated.get(name, len(body)) if self.command == "GET" else len(body)
        if begin >= end > 0:
            return self._refuse(416, "")
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(end - begin))
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{end}")
        self.send_header("ETag", f'"{repository.etag(name)}"')
        self.send_header("X-Repo-Commit", repository.commit)
        self.end_headers()
        if self.command == "GET":
            self._send(repository, name, body[begin:end])
        return None

    def _send(self, repository: Repository, name: str, body: bytes) -> None:
        drops = repository.cut.get(name)
        room = drops.pop(0) if drops else len(body)
        for at in range(0, min(room, len(body)), CHUNK):
            chunk = body[at : min(at + CHUNK, room)]
            self.wfile.write(chunk)
            self.hub.sent[name] = self.hub.sent.get(name, 0) + len(chunk)
            if repository.slow:
                time.sleep(repository.slow)
        if room < len(body):
            self.wfile.flush()
            self.close_connection = True

    def _json(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
