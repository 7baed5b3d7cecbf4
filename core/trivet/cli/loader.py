"""Loading the application for a command: strictly to use it, leniently to look at it."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import click

from ..app import Trivet
from ..builtin.testclient import ScriptInfo
from ..kernel.errors import ConfigError, SetupError
from ..kernel.version import __version__
from ..plugins import Project, find_project, import_enabled, lenient
from .environment import Surroundings, load_dotenv
from .failures import LoadError, summary
from .locate import AppNotFound, Target, guess, load

#: After so many seconds ``trivet --help`` goes on without the application.
PATIENCE = 5.0


class TooSlow(BaseException):
    """Loading the application has taken too long; no ``except Exception`` of its code stops this."""


class Seen(NamedTuple):
    """An application that was loaded to be looked at.

    :ivar app: the application; if it could not be loaded, one made from the project's configuration file alone.
    :ivar failure: why the application itself could not be loaded.
    :ivar missing: whether that is because there is none.
    :ivar problems: what is wrong with plugins and the rest of setup.
    """

    app: Trivet
    failure: BaseException | None
    missing: bool
    problems: list[str]


class Loader(ScriptInfo):
    """What the commands find in ``click.Context.obj``: it finds and loads the application, at most once.

    :param app_import_path: where the application is, as ``--app`` says it.
    :param create_app: a function that returns the application, instead.
    :param set_debug_flag: whether ``--debug`` sets the application's debug mode.
    """

    def __init__(
        self,
        app_import_path: str | None = None,
        create_app: Callable[..., Any] | None = None,
        set_debug_flag: bool = True,
    ) -> None:
        super().__init__(app_import_path, create_app, set_debug_flag)
        self.config_file: str | None = None
        self.env_file: str | None = None
        self.debug: bool | None = None
        self.load_dotenv = True
        self.around = Surroundings()
        #: Files of environment variables that were loaded.
        self.env_files: list[Path] = []
        self._prepared = False
        self._project: Project | None = None
        self._seen: Seen | None = None

    @classmethod
    def of(cls, obj: Any) -> "Loader":
        """Return ``obj`` if it is a loader, else one that asks it."""
        if isinstance(obj, cls):
            return obj
        if isinstance(obj, ScriptInfo):
            loader = cls(obj.app_import_path, obj.load_app, obj.set_debug_flag)
            loader.data = obj.data
            return loader
        return cls()

    # -- around the application

    def prepare(self) -> None:
        """Apply the options that change the process: files of environment variables, configuration file, debug."""
        if self._prepared:
            return
        self._prepared = True
        if self.config_file is not None:
            self.around.set("TRIVET_CONFIG", os.path.abspath(self.config_file))
        if self.load_dotenv:
            self.env_files = load_dotenv(self.around, self._folder(), self.env_file)
        if self.debug is not None:
            self.around.set("TRIVET_DEBUG", "1" if self.debug else "0")

    def _folder(self) -> Path:
        try:
            return find_project(Path.cwd()).folder
        except ConfigError:
            return Path.cwd()

    @property
    def project(self) -> Project:
        """The project's configuration.

        :raises ConfigError: if its file is wrong.
        """
        self.prepare()
        if self._project is None:
            self._project = find_project(Path.cwd())
        return self._project

    @property
    def target(self) -> Target:
        """Where the application is: by ``--app``, ``TRIVET_APP``, the configuration file, or the usual files.

        :raises AppNotFound: if nothing says it.
        """
        project = self.project
        if self.app_import_path is not None:
            return Target(self.app_import_path, "--app")
        if named := os.environ.get("TRIVET_APP"):
            return Target(named, "environment variable TRIVET_APP")
        if project.app is not None:
            return Target(project.app, project.where("app"))
        return guess(project.folder)

    def close(self) -> None:
        """Take back what was changed in the process."""
        self.around.restore()

    # -- the application

    def load_app(self) -> Trivet:
        """Return the application.

        :raises click.ClickException: if it cannot be loaded: with its own traceback.
        """
        if self._loaded_app is None:
            if self._seen is not None and self._seen.failure is not None:
                raise self._as_click(self._seen.failure)
            if self._seen is not None and self._seen.problems:
                raise click.ClickException("\n".join(self._seen.problems))
            try:
                self._loaded_app = self._load()
            except click.ClickException:
                raise
            except (Exception, SystemExit) as error:
                raise self._as_click(error) from error
        return self._loaded_app  # type: ignore[no-any-return]

    def ready_app(self) -> Trivet:
        """Return the application with its setup ended: every plugin has put its part in.

        :raises click.ClickException: if it cannot be loaded, or its setup fails.
        """
        app = self.load_app()
        try:
            app.seal()
        except Exception as error:
            raise LoadError(f"The setup of the application {app.name!r} failed.", error) from error
        return app

    def look(self) -> Seen:
        """Return the application as far as it can be loaded; faulty plugins are left out and noted."""
        if self._seen is None:
            token = lenient.set(True)
            try:
                self._seen = self._look()
            finally:
                lenient.reset(token)
        return self._seen

    def look_briefly(self) -> Seen:
        """Do as :meth:`look`, for at most :data:`PATIENCE` seconds.

        :raises TooSlow: with the traceback of where it was then.
        """
        if self._seen is None and self._loaded_app is None:
            with _time_limit(PATIENCE):
                return self.look()
        return self.look()

    def _look(self) -> Seen:
        failure: BaseException | None = None
        app = self._loaded_app
        if app is None:
            try:
                app = self._load()
            except (Exception, SystemExit) as error:
                failure = error
                app = self._stand_in()
        problems = list(app.plugins.problems)
        try:
            app.seal()
        except Exception as error:
            problems.append(str(error) if isinstance(error, SetupError) else f"Setup failed: {summary(error)}")
        problems += [one for one in app.plugins.problems if one not in problems]
        if failure is None and not problems:
            self._loaded_app = app
        return Seen(app, failure, isinstance(failure, AppNotFound), problems)

    def _load(self) -> Trivet:
        self.prepare()
        app: Trivet
        if self.create_app is not None:
            app = self.create_app()
        else:
            import_enabled(self.project.plugins, __version__)
            app = load(self.target, self.project.folder, self.around)
        if self.set_debug_flag and self.debug is not None:
            app.debug = self.debug
        return app

    def _stand_in(self) -> Trivet:
        """Make an application of what the configuration file says alone."""
        try:
            project = self.project
            self.around.import_from(project.folder)
            file = project.path or False
            return Trivet("application", root_path=str(project.folder), config_file=file)
        except ConfigError:
            return Trivet("application", root_path=str(Path.cwd()), config_file=False)

    def _as_click(self, error: BaseException) -> click.ClickException:
        if isinstance(error, AppNotFound) or (isinstance(error, ConfigError) and error.__cause__ is None):
            return click.ClickException(str(error))
        if isinstance(error, SystemExit):
            return LoadError(
                f"{self._title()} ended the process while it was imported: sys.exit({error.code!r}).", error
            )
        return LoadError(f"{self._title()} could not be loaded.", error)

    def _title(self) -> str:
        try:
            return "The application" if self.create_app is not None else f"The application {self.target}"
        except SetupError:
            return "The application"


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise :class:`TooSlow` in the block after some time, where the system has timers and in the main thread."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
