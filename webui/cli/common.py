"""What the commands share: their options, how an installation is opened, and how what went wrong is said."""

import contextlib
import datetime as dt
import getpass
import gettext
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import sqlalchemy.exc

from bpmn.errors import Invalid, TerbitError, worded

TRANSLATIONS = Path(__file__).parents[1] / "translations"


class Group(click.Group):
    """A group of commands whose expected failures are messages, not tracebacks."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except TerbitError as error:
            raise click.ClickException("\n".join(_explain(error))) from error
        except sqlalchemy.exc.OperationalError as error:
            raise click.ClickException(f"the database cannot be used: {str(error.orig).strip()}") from error
        except sqlalchemy.exc.ArgumentError as error:
            raise click.ClickException(f"DATABASE_URL is wrong: {error}") from error
        except tomllib.TOMLDecodeError as error:
            raise click.ClickException(f"config.toml cannot be read: {error}") from error
        except OSError as error:
            raise click.ClickException(f"{error.filename or ''}: {error.strerror or error}".lstrip(": ")) from error


def english(message: str) -> str:
    """A message of the engine's as the terminal shows it: in English, where a translation is there."""
    return gettext.translation("messages", TRANSLATIONS, ["en"], fallback=True).gettext(message)


def _explain(error: TerbitError) -> Iterator[str]:
    """The error in English, each problem of it on a line, with the place."""
    place = ":".join(str(error.where[key]) for key in ("file", "line", "element", "field") if key in error.where)
    yield (f"{place}: " if place else "") + worded(error.message, error.params, english)
    for problem in error.problems if isinstance(error, Invalid) else ():
        yield from (f"  {line}" for line in _explain(problem))


instance_option = click.option("--instance", type=click.Path(path_type=Path, file_okay=False), default="instance", show_default=True,
                               envvar="TERBIT_INSTANCE", help="The folder of this installation.")
tenant_option = click.option("--tenant", default=None, help="The office (tenant); kpu where not given.")
port_option = click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
host_option = click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")


def now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


@contextlib.contextmanager
def opened(folder: Path, current: bool = True):
    """The engine of an installation that is there; with `current`, one whose database has this version's tables."""
    from engine import installation
    from engine.process_engine import open_engine

    if not folder.is_dir():
        raise click.ClickException(f"there is no installation in {folder} (terbit up, or terbit db upgrade, makes one)")
    pe = open_engine(folder)
    try:
        if current and not installation.is_current(pe):
            raise click.ClickException(f"the database is not at this version's tables: terbit db upgrade --instance {folder}")
        yield pe
    finally:
        pe.close()


def of_office(pe, tenant: str | None):
    """Terbit itself as an actor in this office, in the name of the operating system's user who gives the command."""
    from engine import installation
    from engine.process_engine import DEFAULT_TENANT, Actor

    offices = installation.offices(pe)
    if (tenant or DEFAULT_TENANT) not in offices:
        raise click.ClickException(f"there is no office {tenant or DEFAULT_TENANT} here; there is {', '.join(offices)}")
    return Actor(system_user(), tenant or DEFAULT_TENANT, is_system=True)


def system_user() -> str:
    """Who gives this command, for the history: 'os:sari'. No account has such an id."""
    try:
        return f"os:{getpass.getuser()}"[:64]
    except (OSError, KeyError):  # a container's user without a name
        return f"os:{os.getuid()}"
