"""The knowledge of one agent: sources read in the background, passages found for a question.

Each source has a task of its own, so that a slow one holds up no other. What is found by words and what is
found by meaning are put together by reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009), which
needs no scores that could be compared.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import aiohttp

from gagarin.core.config import Config
from gagarin.core.config import Source as SourceConfig
from gagarin.server import egress
from gagarin.server.errors import ProviderError, SourceError
from gagarin.server.history.worker import Worker
from gagarin.server.knowledge.chunks import chunks_of
from gagarin.server.knowledge.embedding import Embedder
from gagarin.server.knowledge.index import Index
from gagarin.server.knowledge.passages import Knowledge, Passage
from gagarin.server.knowledge.reading import Reading
from gagarin.server.knowledge.sources import FolderSource, Found, Source, UrlSource
from gagarin.server.metrics import Metrics
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.tls import trusting
from gagarin.serving.logs import Log

FILE = "knowledge.sqlite"
FIRST_SECONDS = 10.0  # the first questions wait this long for what has never been read
VECTOR_SECONDS = 5.0  # a question's own vector; without it, words have to do
RETRY_SECONDS = 5.0
CANDIDATES = 50
_RANK = 60  # the constant of the fusion, as in the paper
T = TypeVar("T")


class Folders(Protocol):
    """The folders of a pod that matter here (see `settings.Settings`)."""

    @property
    def data(self) -> Path: ...
    @property
    def knowledge(self) -> Path: ...
    @property
    def secrets(self) -> Path: ...


class Library:
    """Implements `passages.Knowledge` over sources, a reader, an index, and maybe a model for embeddings."""

    def __init__(
        self,
        sources: Sequence[Source],
        folder: Path,
        top_k: int,
        log: Log,
        embedder: Embedder | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._sources = sources
        self._file = folder / FILE
        self._top_k = top_k
        self._log = log
        self._embedder = embedder
        self._metrics = metrics or Metrics()
        self._reading = Reading()
        self._first = {source.name: asyncio.Event() for source in sources}
        self._embedding = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open the index and begin to read the sources."""
        self._worker = Worker("knowledge")
        self._index = await self._worker.run(lambda: Index(self._file))
        names = {source.name for source in self._sources}
        await self._do(lambda index: index.keep_only_sources(names))
        self._tasks = [asyncio.create_task(self._keep_up(source)) for source in self._sources]

    async def close(self) -> None:
        """Stop reading, close the index."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._do(Index.close)
        self._worker.stop()

    async def passages(self, question: str) -> Sequence[Passage]:
        """The best passages for a question."""
        await self._first_reading()
        began = time.perf_counter()
        try:
            ranks = [await self._do(lambda index: index.by_words(question, CANDIDATES))]
            ranks += await self._by_meaning(question)
            best = fused(ranks)[: self._top_k]
            return await self._do(lambda index: [index.passage(number) for number in best])
        except Exception as error:  # noqa: BLE001  # a chat without passages is better than none
            self._log.failure("passages could not be looked up", error)
            return ()
        finally:
            self._metrics.looked_up(time.perf_counter() - began)

    async def _keep_up(self, source: Source) -> None:
        """Read a source again and again; after a failure sooner, with growing pauses."""
        pause = RETRY_SECONDS
        while True:
            try:
                await self._read(source)
                pause, wait = RETRY_SECONDS, source.refresh
            except (SourceError, ProviderError) as error:
                self._log.event("warning", "a source of knowledge could not be read", reason=str(error))
                pause, wait = pause * 2, min(pause, source.refresh)
            except Exception as error:  # noqa: BLE001  # a mistake of ours must not end the others' reading
                self._log.failure("a source of knowledge could not be indexed", error)
                wait = source.refresh
            self._first[source.name].set()
            await asyncio.sleep(wait)

    async def _read(self, source: Source) -> None:
        known = await self._do(lambda index: index.stamps(source.name))
        seen: set[str] = set()
        failures: list[str] = []
        async for found in source.documents(known):
            seen.add(found.location)
            try:
                await self._put(source.name, found)
            except SourceError as error:
                failures.append(str(error))
        if known.keys() - seen:
            await self._do(lambda index: index.keep_only(source.name, seen))
        await self._embed()
        if failures:
            raise SourceError("; ".join(failures[:5]))

    async def _put(self, name: str, found: Found) -> None:
        if found.data is None:
            return
        document = await self._reading.read(found.data, found.content_type, found.location)
        count = await self._do(
            lambda index: index.put(name, found.location, found.stamp, chunks_of(document))
        )
        self._log.event("info", "knowledge indexed", source=name, location=found.location, passages=count)

    async def _embed(self) -> None:
        """Ask for the vectors that are missing, some at a time."""
        embedder = self._embedder
        if embedder is None:
            return
        async with self._embedding:
            while texts := await self._do(lambda index: index.unembedded(embedder.model, embedder.batch)):
                vectors = await embedder.vectors([each.text for each in texts])
                rows = [(each.digest, vector.tobytes()) for each, vector in zip(texts, vectors, strict=True)]
                await self._do(partial(Index.embed, model=embedder.model, vectors=rows))

    async def _first_reading(self) -> None:
        waiting = [event for event in self._first.values() if not event.is_set()]
        if waiting:
            try:
                async with asyncio.timeout(FIRST_SECONDS):
                    await asyncio.gather(*(event.wait() for event in waiting))
            except TimeoutError:
                self._log.event("warning", "a question did not wait longer for knowledge to be read")

    async def _by_meaning(self, question: str) -> list[list[int]]:
        embedder = self._embedder
        if embedder is None:
            return []
        try:
            async with asyncio.timeout(VECTOR_SECONDS):
                (vector,) = await embedder.vectors([question])
        except (ProviderError, TimeoutError) as error:
            reason = str(error) or f"no vector within {VECTOR_SECONDS:g} s"
            self._log.event("warning", "a question was looked up by its words only", reason=reason)
            return []
        return [await self._do(lambda index: index.by_meaning(embedder.model, vector, CANDIDATES))]

    def _do(self, work: Callable[[Index], T]) -> asyncio.Future[T]:
        return self._worker.run(lambda: work(self._index))


@asynccontextmanager
async def knowledge_of(
    config: Config, folders: Folders, session: aiohttp.ClientSession, metrics: Metrics, log: Log
) -> AsyncIterator[Knowledge | None]:
    """What the configuration names, being read; None if it names nothing. `session` is for the model that
    embeds; documents have one of their own."""
    if config.knowledge is None:
        yield None
        return
    wanted, extra = config.knowledge, config.extra_ca
    secrets = SecretFiles(folders.secrets)
    target = wanted.embedding
    embedder = Embedder(session, target, secrets, metrics, extra) if target is not None else None
    trust = trusting(None, extra) if extra else True
    async with egress.session() as documents:
        sources = [source_of(source, documents, trust, folders.knowledge) for source in wanted.sources]
        library = Library(sources, folders.data, wanted.top_k, log, embedder, metrics)
        await library.start()
        try:
            yield library
        finally:
            await library.close()


def source_of(
    config: SourceConfig, session: aiohttp.ClientSession, trust: ssl.SSLContext | bool, folder: Path
) -> Source:
    """The source that a configuration describes. `trust`: what a server's certificate is checked with."""
    return UrlSource(config, session, trust) if config.url is not None else FolderSource(config, folder)


def fused(ranks: Sequence[Sequence[int]]) -> list[int]:
    """One ranking out of several: each gives 1 / (60 + its place)."""
    scores: dict[int, float] = {}
    for ranking in ranks:
        for place, number in enumerate(ranking):
            scores[number] = scores.get(number, 0.0) + 1.0 / (_RANK + place)
    return sorted(scores, key=lambda number: -scores[number])
