#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that misbehaves, for the tests: hostile.py PORT IMAGE LOG.

It serves the one image of the folder IMAGE (manifest.json, config.json, *.gz) under every repository name; the name's
first part says what goes wrong, such as localhost:PORT/hangup/x:latest. LOG gets one line an answer: method, path, status,
range and the bytes of the body that were sent.
"""
import hashlib
import http.server
import json
import os
import sys
import threading
import time

PORT, IMAGE, LOG = int(sys.argv[1]), sys.argv[2], sys.argv[3]
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
log = open(LOG, "a", buffering=1, encoding="utf-8")
seen, lock = {}, threading.Lock()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def load():
    blobs = {}
    for name in os.listdir(IMAGE):
        if name != "manifest.json":
            with open(os.path.join(IMAGE, name), "rb") as f:
                data = f.read()
            blobs[digest(data)] = data
    with open(os.path.join(IMAGE, "manifest.json"), "rb") as f:
        return f.read(), blobs


MANIFEST, BLOBS = load()
DOC = json.loads(MANIFEST)
LAYER = DOC["layers"][-1]["digest"]  # the blob that goes wrong


def changed(change):
    doc = json.loads(MANIFEST)
    change(doc)
    return json.dumps(doc).encode()


def with_config(data):
    blobs[digest(data)] = data
    return changed(lambda d: d["config"].update(digest=digest(data), size=len(data)))


def foreign(doc):
    doc["layers"][-1]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    doc["layers"][-1]["urls"] = ["http://localhost:%d/elsewhere" % PORT]


def layer(**fields):
    return lambda d: d["layers"][-1].update(fields)


blobs = dict(BLOBS)
SCHEMA1 = {"schemaVersion": 1, "name": "x", "tag": "latest", "fsLayers": [{"blobSum": LAYER}], "history": []}
# Name -> (body, media type) of the manifest.
MANIFESTS = {
    "huge": (MANIFEST[:-1] + b',"x":"' + b"x" * (64 << 20) + b'"}', OCI_MANIFEST),
    "deep": (MANIFEST[:-1] + b',"x":' + b"[" * 100000 + b"]" * 100000 + b"}", OCI_MANIFEST),
    "garbage": (b"<html>sign in</html>", OCI_MANIFEST),
    "broken": (MANIFEST[:-20], OCI_MANIFEST),
    "unknown": (changed(lambda d: d.update(mediaType="application/vnd.example+json")), "application/vnd.example+json"),
    "schema1": (json.dumps(SCHEMA1).encode(), "application/vnd.docker.distribution.manifest.v1+prettyjws"),
    "foreign": (changed(foreign), OCI_MANIFEST),
    "layertype": (changed(layer(mediaType="application/vnd.example.layer")), OCI_MANIFEST),
    "badsize": (changed(lambda d: d["layers"][-1].update(size=d["layers"][-1]["size"] + 7)), OCI_MANIFEST),
    "negative": (changed(layer(size=-1)), OCI_MANIFEST),
    "baddigest": (changed(layer(digest="sha256:../../../../etc/passwd")), OCI_MANIFEST),
    "manylayers": (changed(lambda d: d.update(layers=d["layers"] * 2000)), OCI_MANIFEST),
    "deepconfig": (with_config(b'{"x":' + b"[" * 100000 + b"]" * 100000 + b"}"), OCI_MANIFEST),
    "badconfig": (with_config(b"no json"), OCI_MANIFEST),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", headers=(), claim=None, stop=None, then=None):
        """claim: the Content-Length that is told; stop: bytes after which then() is called."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if claim is None else claim))
        self.end_headers()
        sent = 0
        try:
            if self.command != "HEAD":
                end = len(body) if stop is None else min(stop, len(body))
                while sent < end:
                    sent += self.wfile.write(body[sent:min(sent + 65536, end)])
                    if self.fault == "slow":
                        time.sleep(0.02)
                self.wfile.flush()
        finally:
            log.write("%s %s %d %s %d\n" % (self.command, self.path, status, self.headers.get("Range", "-"), sent))
        if stop is not None:
            then()

    def refuse(self, status):
        text = json.dumps({"errors": [{"code": "NO", "message": "hostile says no"}]}).encode()
        headers = [("Content-Type", "application/json")]
        if status == 401:
            headers.append(("WWW-Authenticate", 'Basic realm="hostile"'))
        self.answer(status, text, headers)

    def endless(self, kind):
        """A body without an end and without a length."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Docker-Content-Digest", digest(MANIFEST))
        self.end_headers()
        self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(MANIFEST[:-1] + b',"x":"')
            while True:
                self.wfile.write(b"x" * 65536)

    def hang_up(self):
        self.close_connection = True

    def stall(self):
        try:
            self.connection.recv(1)  # until the client goes away
        except OSError:
            pass
        self.close_connection = True

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = self.path.strip("/").split("/")
        self.fault = parts[1] if len(parts) > 1 else ""
        try:
            if len(parts) < 4:
                return self.answer(200, b"{}")
            if parts[-2] == "manifests":
                return self.manifest(parts[-1])
            return self.blob(parts[-1])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def manifest(self, ref):
        if self.fault.startswith("status-"):
            return self.refuse(int(self.fault[7:]))
        if self.fault == "mute":
            return self.stall()
        if self.fault == "endless":
            return self.endless(OCI_MANIFEST)
        body, kind = MANIFESTS.get(self.fault, (MANIFEST, OCI_MANIFEST))
        if self.fault == "hugelie" and self.command == "GET":  # HEAD said less
            return self.answer(200, MANIFESTS["huge"][0], [("Content-Type", kind)])
        name = digest(body)
        if self.fault == "othermanifest":
            body = MANIFEST + b" "
        return self.answer(200, body, [("Content-Type", kind), ("Docker-Content-Digest", name)])

    def blob(self, name):
        data = blobs.get(name)
        if data is None:
            return self.refuse(404)
        with lock:
            times = seen[self.path] = seen.get(self.path, 0) + 1
        begin, total, status, headers = 0, len(data), 200, [("Accept-Ranges", "bytes")]
        want = self.headers.get("Range", "")
        if want.startswith("bytes=") and self.fault not in ("norange", "short"):
            begin, status = int(want[6:].split("-")[0]), 206
            headers.append(("Content-Range", "bytes %d-%d/%d" % (begin, total - 1, total)))
        if name != LAYER:
            return self.answer(status, data[begin:], headers)
        fault, half = self.fault, max(total // 2 - begin, 0)
        if fault == "foreign":  # only its urls have it
            return self.refuse(404)
        if fault.startswith("blob-"):
            return self.refuse(int(fault[5:]))
        if fault.startswith("once-") and times == 1:
            return self.refuse(int(fault[5:]))
        if fault in ("hangup", "norange") or (fault == "flaky" and times == 1):
            return self.answer(status, data[begin:], headers, stop=half, then=self.hang_up)
        if fault == "stall" or (fault == "pause" and times == 1):
            return self.answer(status, data[begin:], headers, stop=half, then=self.stall)
        if fault == "wrong":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if fault == "short":
            data, headers = data[:-100], headers[:1]
        if fault == "long":
            data = data + b"more"
        return self.answer(status, data[begin:], headers)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


Server(("127.0.0.1", PORT), Handler).serve_forever()
