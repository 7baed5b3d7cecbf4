"""What trivet-db keeps for one application: its options, its engines and who chooses among them."""

from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from typing import Any, NamedTuple

import sqlalchemy as sa

from trivet import current_context, has_app_context

from .engines import Engines
from .errors import DatabaseConfigError
from .options import Merged, Options, engines_of, merge_familiar
from .paging import Pager
from .seen import Watch
from .urls import check_url, read_url

NAME = "db"


class Migrations(NamedTuple):
    """A branch of migrations.

    :ivar name: the branch's label: the plugin's name.
    :ivar folder: where its revisions are.
    :ivar metadata: what they are compared with; None: nothing.
    :ivar bind_key: the database they are for.
    """

    name: str
    folder: Any
    metadata: sa.MetaData | None = None
    bind_key: str | None = None


class Face:
    """What ``SQLAlchemy`` objects are known by here, below the floor on which they are made."""


class State:
    """The databases of one application.

    :ivar faces: the ``SQLAlchemy`` objects of the application, the first one first.
    :ivar bases: metadata that belongs to none of them.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.faces: list[Any] = []
        self.bases: list[sa.MetaData] = []

    @classmethod
    def of(cls, app: Any) -> "State":
        """Return the state of an application.

        :raises DatabaseConfigError: the plugin is not enabled there.
        """
        found = app.extensions.get("trivet_db")
        if found is None:
            one = app.plugins.found.get(NAME)
            if one is None or not one.enabled:
                raise DatabaseConfigError(
                    f"The plugin 'db' is not enabled in the application {app.name!r}. Add it to the configuration, "
                    'plugins = ["db"], or call db.init_app(app).'
                )
            found = app.extensions["trivet_db"] = cls(app)
        return found  # type: ignore[no-any-return]

    @cached_property
    def _merged(self) -> Merged:
        return merge_familiar(self.app.plugins.options(NAME, self.app.config), self.app.config)

    @property
    def options(self) -> Options:
        """The options, Flask-SQLAlchemy's settings among them."""
        return self._merged.options

    @cached_property
    def engines(self) -> Engines:
        """The engines by bind key.

        :raises DatabaseConfigError: there is no database, or a bind without a URL.
        """
        merged = self._merged
        places = {one.name: one.origin for one in self.app.plugins.describe_options(NAME, self.app.config)}
        below = self.faces[0].engine_options if self.faces else {}
        if not (self.app.debug or merged.options.echo):  # errors are logged, and values may be anybody's secrets
            below = {"hide_parameters": True, **below}
        settings = engines_of(merged, {**places, **merged.places}, below)
        return Engines(settings, self.app.instance_path, self._made)

    @cached_property
    def tracks(self) -> bool:
        """Whether sessions send signals about changes."""
        return bool(self.app.config.get("SQLALCHEMY_TRACK_MODIFICATIONS"))

    @cached_property
    def pager(self) -> Pager:
        """How pages are asked for."""
        return Pager(self.options.per_page, self.options.max_per_page)

    @cached_property
    def _watch(self) -> Watch:
        options = self.options
        return Watch(options.slow, options.repeated if self.app.debug else None, options.record_queries)

    def _made(self, key: str | None, engine: sa.Engine) -> None:
        self._watch.listen(engine)
        self.app.hook.trivet_db_engine(app=self.app, bind_key=key, engine=engine)

    @cached_property
    def _ask(self) -> Any:
        return self.app.chain("trivet_db_bind", ("ctx", "bind_key", "mapper", "clause")).call

    def key_for(self, key: str | None, mapper: Any, clause: Any) -> str | None:
        """Return the bind key for a statement: what a hook says, or the model's own."""
        if self._ask is None or not has_app_context():
            return key
        chosen = self._ask(current_context(), key, mapper, clause)
        return key if chosen is None else chosen

    def choose(self, key: str | None, mapper: Any, clause: Any) -> Any:
        """Return the engine for a statement."""
        return self.engines[key if self._ask is None else self.key_for(key, mapper, clause)]

    def choose_on_loop(self, key: str | None, mapper: Any, clause: Any) -> Any:
        """Return the same for the running event loop: the synchronous half, which sessions are bound to."""
        return self.engines.on_loop(self.key_for(key, mapper, clause)).sync_engine

    def check(self) -> None:
        """Read every URL, and look whether its driver is there; nothing is connected to.

        :raises DatabaseConfigError: one is wrong; the message names the place.
        """
        for settings in self.engines.settings.values():
            check_url(read_url(settings.url, settings.place), settings.place)

    def find_faces(self) -> None:
        """Take over the ``SQLAlchemy`` objects and bases that the option ``models`` names.

        :raises DatabaseConfigError: there is no such module, or nothing in it that holds models.
        """
        names = self.options.models
        for name in (names,) if isinstance(names, str) else names:
            module, _, attribute = name.partition(":")
            try:
                found = import_module(module)
                held = [getattr(found, attribute)] if attribute else list(vars(found).values())
            except (ImportError, AttributeError) as error:
                raise DatabaseConfigError(f"[db] models: {name!r} cannot be imported: {error}.") from error
            before = len(self.faces) + len(self.bases)
            for one in held:
                self._take(one)
            if len(self.faces) + len(self.bases) == before:
                raise DatabaseConfigError(
                    f"[db] models: {name!r} holds no SQLAlchemy object, no declarative base and no MetaData."
                )

    def _take(self, one: Any) -> None:
        kind = type(one)  # not isinstance(), which asks a proxy for what is behind it
        if issubclass(kind, Face):
            if one not in self.faces:
                self.faces.append(one)
        elif issubclass(kind, sa.MetaData):
            self.bases.append(one)
        elif issubclass(kind, type):
            metadata = getattr(one, "metadata", None)
            if isinstance(metadata, sa.MetaData) and metadata not in self.bases:
                self.bases.append(metadata)

    def metadatas(self) -> Iterator[tuple[str | None, sa.MetaData]]:
        """Yield all metadata with the bind keys they belong to."""
        for face in self.faces:
            yield from face.metadatas.items()
        for metadata in self.bases:
            yield metadata.info.get("bind_key"), metadata
