"""The download: whole, resumed, wrong, refused and impossible, from a server on this machine."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gpu_experiments.sources import download, layout
from sim.protocols import silent


class Server(ThreadingHTTPServer):
    """Sends one file; says which ranges were asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data = b""
        self.knows_ranges = True
        self.stops_after: int | None = None
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.tar.gz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        data = self.server.data
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
        if wanted and self.server.knows_ranges:
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206)
            data = data[start:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: self.server.stops_after])

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def server() -> Iterator[Server]:
    logging.getLogger("pooch").setLevel(logging.ERROR)
    with Server() as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def published(made, server, tmp_path):
    """The collection as that server has it."""
    file, collection = made.archive(tmp_path)
    server.data = file.read_bytes()
    return replace(collection, url=server.url)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_a_download_is_made_once(published, server, cache):
    said = []
    for _ in range(2):
        file = download.fetch(published, cache, lambda done, _: said.append(done))
    assert file.read_bytes() == server.data
    assert server.asked == [None]
    assert said[-1] == 1
    assert [found.name for found in cache.iterdir()] == [published.archive]


def test_the_default_is_the_cache_of_the_user(published, made, cache, monkeypatch):
    monkeypatch.setattr("pooch.os_cache", lambda name: cache / name)
    found = layout.read(None, "train", published, silent)
    assert (found.pixels == made.pixels["train"]).all()
    assert (cache / "curated-loops" / published.archive).is_file()


def test_a_broken_download_goes_on_where_it_stopped(published, server, cache):
    server.stops_after = 1000
    with pytest.raises(ConnectionError, match=r"ended after 1000 of \d+ bytes\); what arrived is"):
        download.fetch(published, cache, silent)
    server.stops_after = None
    assert download.fetch(published, cache, silent).read_bytes() == server.data
    assert server.asked == [None, "bytes=1000-"]


def test_a_server_without_ranges_sends_all_of_it_again(published, server, cache):
    cache.mkdir()
    (cache / (published.archive + ".part")).write_bytes(server.data[:1000])
    server.knows_ranges = False
    assert download.fetch(published, cache, silent).read_bytes() == server.data
    assert server.asked == ["bytes=1000-"]


def test_a_part_that_is_too_long_is_dropped(published, server, cache):
    cache.mkdir()
    (cache / (published.archive + ".part")).write_bytes(server.data + b"more")
    assert download.fetch(published, cache, silent).read_bytes() == server.data
    assert server.asked == [f"bytes={len(server.data) + 4}-", None]


def test_a_part_of_another_file_is_found_by_the_checksum_and_dropped(published, server, cache):
    cache.mkdir()
    (cache / (published.archive + ".part")).write_bytes(bytes(1000))
    with pytest.raises(ValueError, match=f"is not {published.archive}, by its MD5: try again"):
        download.fetch(published, cache, silent)
    assert download.fetch(published, cache, silent).read_bytes() == server.data


def test_a_damaged_file_in_the_cache_is_replaced(published, server, cache):
    cache.mkdir()
    (cache / published.archive).write_bytes(server.data[:-1])
    assert download.fetch(published, cache, silent).read_bytes() == server.data


def test_another_file_at_the_address_is_never_kept(published, server, cache):
    server.data = server.data[::-1]
    with pytest.raises(ValueError, match=published.md5):
        download.fetch(published, cache, silent)
    assert list(cache.iterdir()) == []


def test_without_a_network_the_message_says_where_to_put_the_file(published, server, cache):
    data, nobody = server.data, replace(published, url="http://127.0.0.1:9/file.tar.gz")
    with pytest.raises(ConnectionError, match="cannot be downloaded") as refused:
        download.fetch(nobody, cache, silent)
    place = re.search(rf"\(MD5 {published.md5}\) from \S+ at (\S+), or", str(refused.value))[1]
    with open(place, "wb") as file:
        file.write(data)
    assert download.fetch(nobody, cache, silent).read_bytes() == data


def test_a_file_that_is_gone_from_its_address(published, cache):
    gone = replace(published, url=published.url + "x", title="It")
    Handler.do_GET, kept = lambda self: self.send_error(404), Handler.do_GET
    try:
        with pytest.raises(ConnectionError, match=r"It cannot be downloaded .*404"):
            download.fetch(gone, cache, silent)
    finally:
        Handler.do_GET = kept


def test_of_two_processes_one_downloads(published, server, cache):
    # Locks of two open files exclude each other within a process as between processes.
    threads = [
        threading.Thread(target=download.fetch, args=(published, cache, silent)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (cache / published.archive).read_bytes() == server.data
    assert server.asked == [None]
