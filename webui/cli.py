"""`terbit`, the command line: bring an installation up, look after it, and take it along.

Every command takes `--instance DIR`. What goes wrong in an expected way is one line on standard error and exit code 1;
wrong usage is exit code 2.
"""

import contextlib
import datetime as dt
import getpass
import gettext
import importlib
import importlib.util
import ipaddress
import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import sqlalchemy.exc

from bpmn.check import DIAGRAMS
from bpmn.errors import Invalid, TerbitError, worded

CODE = Path(__file__).parent  # where webui's own files are
MODELS = Path(importlib.util.find_spec("bpmn").origin).parent / "models"  # type: ignore[union-attr, arg-type]


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


def _explain(error: TerbitError) -> Iterator[str]:
    """The error in English where a translation is there, each problem of it on a line, with the place."""
    english = gettext.translation("messages", CODE / "translations", ["en"], fallback=True)
    place = ":".join(str(error.where[key]) for key in ("file", "line", "element", "field") if key in error.where)
    yield (f"{place}: " if place else "") + worded(error.message, error.params, english.gettext)
    for problem in error.problems if isinstance(error, Invalid) else ():
        yield from (f"  {line}" for line in _explain(problem))


instance_option = click.option("--instance", type=click.Path(path_type=Path, file_okay=False), default="instance", show_default=True,
                               envvar="TERBIT_INSTANCE", help="The folder of this installation.")
tenant_option = click.option("--tenant", default=None, help="The office (tenant); kpu where not given.")
port_option = click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
host_option = click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="terbit", prog_name="terbit")
def main():
    """Terbit runs an office's written procedures as BPMN processes."""
    os.umask(0o027)  # what it writes is no business of the machine's other users


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


def _of_office(pe, tenant: str | None):
    """Terbit itself as an actor in this office, in the name of the operating system's user who gives the command."""
    from engine import installation
    from engine.process_engine import DEFAULT_TENANT, Actor

    offices = installation.offices(pe)
    if (tenant or DEFAULT_TENANT) not in offices:
        raise click.ClickException(f"there is no office {tenant or DEFAULT_TENANT} here; there is {', '.join(offices)}")
    return Actor(_system_user(), tenant or DEFAULT_TENANT, is_system=True)


def _system_user() -> str:
    """Who gives this command, for the history: 'os:sari'. No account has such an id."""
    try:
        return f"os:{getpass.getuser()}"[:64]
    except (OSError, KeyError):  # a container's user without a name
        return f"os:{os.getuid()}"


# Serving --------------------------------------------------------------------------------------------------------------

@main.command()
@instance_option
@port_option
@host_option
@click.option("--demo", is_flag=True, help="Make the demo accounts, and listen on this machine only.")
def up(instance: Path, port: int, host: str, demo: bool):
    """Serve everything: pages, worker, timers. Makes the installation where there is none. Ctrl-C stops it."""
    from engine import installation
    from webui import serve

    if demo and not _is_loopback(host):
        raise click.UsageError("--demo has known passwords, so it listens on this machine only (127.0.0.1)")
    if not serve.port_is_free(host, port):
        raise click.ClickException(f"port {port} on {host} is taken; choose another with --port")
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    pe = installation.prepare(instance, now(), demo=demo)
    _refuse_known_passwords(pe, host)
    if not pe.config.get("BASE_URL"):  # for the links in posts and feeds
        os.environ["TERBIT_BASE_URL"] = address
    if demo and not pe.config.get("ALLOWED_HOSTS"):  # no page elsewhere may come in by a name that it made to point here
        os.environ["TERBIT_ALLOWED_HOSTS"] = f"127.0.0.1,localhost,{host}"
    pe.close()
    terbit = [sys.executable, "-m", "webui.cli"]
    commands = {
        "web": [*terbit, "web", "--instance", str(instance), "--host", host, "--port", str(port)],
        "worker": [*terbit, "worker", "--instance", str(instance)],
    }

    def on_ready():
        serve.say(f"ready at {address}" + (", demo accounts with the password terbit-demo" if demo else "") + " (Ctrl-C stops)")

    sys.exit(serve.supervise(commands, lambda: serve.port_answers(host, port), on_ready))


def _refuse_known_passwords(pe, host: str) -> None:
    from engine import installation

    if not _is_loopback(host) and (known := installation.demo_accounts(pe)):
        raise click.ClickException(f"everybody knows the password of {', '.join(known)}: an administrator gives them others, or makes "
                                   "them inactive, before this installation listens beyond this machine")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@main.command()
@instance_option
@port_option
@host_option
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes.", envvar="TERBIT_WEB_WORKERS")
@click.option("--threads", type=click.IntRange(1), default=8, show_default=True, help="Threads of each.", envvar="TERBIT_WEB_THREADS")
def web(instance: Path, port: int, host: str, workers: int, threads: int):
    """Serve the pages and REST only."""
    from engine import logs
    from webui import PARTS, create_app, serve

    logs.configure()
    with opened(instance) as pe:
        _refuse_known_passwords(pe, host)
    serve.share_counts()
    for part in PARTS:  # before the fork: their memory is shared, and a worker that died is soon replaced
        importlib.import_module(f"webui.{part}")
    serve.stop_with_supervisor()
    serve.serve_web(lambda: create_app(instance), host, port, workers=workers, threads=threads)


@main.command()
@instance_option
def worker(instance: Path):
    """Do the jobs only: publications, timers."""
    from engine import worker as celery_worker
    from webui import serve

    serve.stop_with_supervisor()
    with opened(instance) as pe:
        celery_worker.main(pe)


# Looking after --------------------------------------------------------------------------------------------------------

@main.group(cls=Group)
def db():
    """The database."""


@db.command("upgrade")
@instance_option
def db_upgrade(instance: Path):
    """Bring the database to this version's tables; makes the installation where there is none."""
    from engine import installation

    installation.prepare(instance, now(), by=_system_user()).close()
    click.echo("the database is up to date")


@main.command()
@instance_option
@tenant_option
@click.option("--name", help="What to call the deployment; the folder's, ZIP's or first file's name where not given.")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def deploy(instance: Path, tenant: str | None, name: str | None, paths: tuple[Path, ...]):
    """Put models in force: folders, ZIPs, or files (.bpmn, .dmn, .form) that go together.

    Each folder that holds a diagram is one model, also below the one that is named, as in a git repository. The same
    files again make no new version.
    """
    from engine.commands import deploy as put_in_force

    models = list(_models(paths))
    with opened(instance) as pe:
        acting = _of_office(pe, tenant)
        for default_name, files, left_out in models:
            if left_out:
                click.echo(f"{default_name}: left out {', '.join(left_out)}", err=True)
            made = put_in_force(pe, acting, now(), name=name or default_name, resources=files, source="terbit deploy")
            for definition in made.definitions:
                click.echo(f"{definition['key']}: version {definition['version']}, of {len(files)} files")
            if not made.definitions:
                click.echo(f"{default_name}: nothing new")
            elif made.failing:
                click.echo(f"{default_name}: scenarios go another way now: {', '.join(made.failing)}", err=True)


def _models(paths: tuple[Path, ...]) -> Iterator[tuple[str, dict[str, bytes], list[str]]]:
    """(name, files, names of what was left out) of each model in the paths."""
    from bpmn import package

    single = [path for path in paths if path.is_file() and path.suffix.lower() != ".zip"]
    for path in paths:
        if path.is_dir():
            yield from _in_folder(path)
        elif path.suffix.lower() == ".zip":
            yield path.stem, *package.unpack(path.read_bytes(), path.name)
    if single:
        yield single[0].stem, *_read(single)


def _in_folder(folder: Path) -> Iterator[tuple[str, dict[str, bytes], list[str]]]:
    found = False
    for place, folders, names in os.walk(folder):  # it follows no links
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        if any(each.endswith(DIAGRAMS) for each in names):
            found = True
            here = Path(place)
            yield here.resolve().name, *_read([here / each for each in sorted(names) if not each.startswith(".")])
    if not found:
        raise click.ClickException(f"{folder}: no diagram (.bpmn) in it")


def _read(files: list[Path]) -> tuple[dict[str, bytes], list[str]]:
    """The files of a model among these, and the names of the others. A link is left out: it may lead anywhere."""
    from bpmn import package

    of_model = [path for path in files if path.name.endswith((*DIAGRAMS, ".dmn", ".form")) and not path.is_symlink()]
    found = {path.name: path.read_bytes() for path in of_model}
    if len(found) < len(of_model):
        raise click.ClickException("two of the files have the same name")
    package.check_all(found)
    return found, [path.name for path in files if path not in of_model]


@main.group(cls=Group)
def sop():
    """Procedures on paper."""


@sop.command("print")
@instance_option
@tenant_option
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write: .pdf or .docx.")
@click.option("--process", "key", default="", help="The process's id, where FILE holds several.")
@click.argument("source", metavar="KEY_OR_FILE")
def sop_print(instance: Path, tenant: str | None, output: Path, key: str, source: str):
    """Print a procedure as an SOP: that of a .bpmn file, or the version of a key that is in force."""
    from engine import letterhead, queries, settings, sop_docx, sop_paper

    make = {".pdf": sop_paper.pdf, ".docx": sop_docx.docx_of}.get(output.suffix.lower())
    if make is None:
        raise click.UsageError("the output is a .pdf or a .docx file")
    logo = None
    if Path(source).is_file():
        diagram = Path(source).read_bytes()
        key = key or sop_paper.process_in(diagram, file=source).key
    else:
        with opened(instance) as pe:
            acting, key = _of_office(pe, tenant), source
            diagram = queries.definition_xml(pe, acting, key, now())
            logo = letterhead.logo_of(pe, settings.get(pe, acting.tenant)["letterhead"])
    output.write_bytes(make(diagram, key, logo))
    click.echo(f"{output}: {output.stat().st_size / 1e3:.0f} kB")


@main.group(cls=Group)
def user():
    """Accounts."""


@user.command("add")
@instance_option
@tenant_option
@click.argument("id")
@click.option("--name", help="The person's name, as pages show it; the id where not given.")
@click.option("--title", default="", help="Their office (jabatan).")
@click.option("--email", default="")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="May be given several times: pelaksana, sub-bagian, ketua-divisi, "
              "web-admin, process-owner, admin, analyst.")
@click.option("--password-stdin", is_flag=True, help="Take the password from the first line of standard input.")
def user_add(instance: Path, tenant: str | None, id: str, name: str | None, title: str, email: str, groups: tuple[str, ...],
             password_stdin: bool):
    """Make an account. The password is asked for, unless it comes by --password-stdin."""
    from engine import people

    with opened(instance) as pe:
        acting = _of_office(pe, tenant)
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else click.prompt(
            "Password", hide_input=True, confirmation_prompt=True)
        people.create_user(pe, acting, now(), id=id, name=name or id, password=password,
                           title=title, email=email, groups=groups)
    click.echo(f"{id} may sign in")


@user.command("link")
@instance_option
@tenant_option
@click.argument("id")
def user_link(instance: Path, tenant: str | None, id: str):
    """Print a link by which the account ID sets its password: good once, for a week."""
    from engine import password_links

    with opened(instance) as pe:
        secret = password_links.create(pe, _of_office(pe, tenant), now(), id)
        click.echo(pe.config.get("BASE_URL", "").rstrip("/") + password_links.path(secret))


@user.command("reset-second-factor")
@instance_option
@tenant_option
@click.argument("id")
@click.option("--reason", required=True, help="Why; it stays in the history.")
def user_reset_second_factor(instance: Path, tenant: str | None, id: str, reason: str):
    """Take away the second factor of the account ID, which sets up a new one when it signs in."""
    from engine import second_factor

    with opened(instance) as pe:
        second_factor.reset(pe, _of_office(pe, tenant), now(), id, reason)
    click.echo(f"{id} sets up a new second factor at the next sign-in")


@user.command("token")
@instance_option
@tenant_option
@click.argument("id")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it is valid.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(["read", "tasks", "deploy", "admin"]),
              help="What it may, of what the account may; may be given several times. Everything, where not given.")
def user_token(instance: Path, tenant: str | None, id: str, name: str, days: int, scopes: tuple[str, ...]):
    """Make an API token, called NAME, for the account ID, and print it: it cannot be shown again."""
    from engine import people

    with opened(instance) as pe:
        made = people.create_token(pe, _of_office(pe, tenant), now(), name=name, user_id=id, expires_at=now() + dt.timedelta(days=days),
                                   scopes=scopes or tuple(people.SCOPES))
    click.echo(made["token"])


@main.command()
@instance_option
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(1), help="FILE is a folder: keep the newest so many backups in it, delete older ones.")
def backup(instance: Path, file: Path, keep: int | None):
    """Write the whole installation into FILE (.tar.gz) while it runs, and read it back. Into a folder: named by the time."""
    from engine.backup import backup as write_backup

    with opened(instance) as pe:
        made = write_backup(pe, file, now(), by=_system_user(), keep=keep, **({"progress": _shown} if sys.stderr.isatty() else {}))
    click.echo(f"{made}: {made.stat().st_size / 1e6:.1f} MB; it holds secret.key, so keep it safe")


def _shown(done: int, total: int) -> None:
    """One line on a terminal, written over and over."""
    click.echo(f"\r{done / 1e6:.0f} of {total / 1e6:.0f} MB, {100 * done // max(total, 1)} %", err=True, nl=done >= total)


@main.command()
@instance_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(instance: Path, file: Path):
    """Put a backup into an empty installation folder."""
    from engine import installation
    from engine.backup import restore as put_back

    pe = put_back(file, instance)
    if installation.is_current(pe):  # else its tables are not this version's yet
        installation.tell(pe, _system_user(), now(), "backup.restored", {"file": file.name})
    pe.close()
    click.echo(f"{instance} is as it was; terbit doctor --instance {instance} checks it")


@main.command()
@instance_option
def doctor(instance: Path):
    """Check the installation, and say what to do about what is wrong."""
    from webui import doctor as checks

    with opened(instance, current=False) as pe:
        findings = checks.examine(pe, now())
    for finding in findings:
        click.echo(f"{'ok  ' if finding.ok else 'note' if finding.ok is None else 'BAD '}  {finding.what}")
        if finding.advice:
            click.echo(f"      → {finding.advice}")
    sys.exit(any(finding.ok is False for finding in findings))


@main.group(cls=Group)
def evidence():
    """The analyst's figures."""


@evidence.command("rebuild")
@instance_option
@tenant_option
def evidence_rebuild(instance: Path, tenant: str | None):
    """Count all ended cases of an office anew, from the history: the same figures come of it."""
    from engine.evidence import rollup

    with opened(instance) as pe:
        count = rollup.rebuild(pe, _of_office(pe, tenant).tenant, lambda counted: click.echo(f"{counted} cases", err=True))
    click.echo(f"{count} cases counted")


@evidence.command("export")
@instance_option
@tenant_option
@click.option("--format", "form", type=click.Choice(["xes", "csv", "xlsx", "parquet"]), default="xes", show_default=True)
@click.option("--what", type=click.Choice(["cases", "activities"]), default="activities", show_default=True,
              help="A line for each case, or for each thing done in one (csv, xlsx, parquet).")
@click.option("--key", default="penerbitan-informasi", show_default=True, help="The procedure.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Cases that ended on this day or later.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Cases that ended on this day or earlier.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
def evidence_export(instance: Path, tenant: str | None, form: str, what: str, key: str, since: dt.datetime | None,
                    until: dt.datetime | None, output: Path):
    """Write ended cases for process mining tools (XES), spreadsheets and BI tools, in flat memory however many they are."""
    from engine.evidence import out, out_files
    from engine.evidence.figures import Scope

    def told(cases: int, total: int) -> None:
        if cases % 10_000 == 0 or cases >= total:
            click.echo(f"{cases} of {total} cases", err=True)

    scope = Scope(key, since.date() if since else None, until.date() if until else None)
    with opened(instance) as pe:
        found = out.export(pe, _of_office(pe, tenant), now(), scope, form, what, told)
        with output.open("wb") as file:
            out_files.write(file, found, form, what)
    click.echo(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


@evidence.command("bi-role")
@instance_option
@click.argument("name")
def evidence_bi_role(instance: Path, name: str):
    """Let a PostgreSQL role read the views for BI tools (docs/bi.md) and nothing else; it is made where there is none."""
    from engine.evidence import views

    with opened(instance) as pe, pe.db.begin() as db:
        is_new = views.let_read(db, name)
        click.echo(f"{name} may read the views bi_* of this database, of all its offices.")
    if is_new:
        click.echo(f"It has no password yet: give it one in psql with \\password {name}")


@main.command("sample-data")
@instance_option
@click.option("--tenant", default="contoh", show_default=True, help="The office to write into; made where there is none.")
@click.option("--cases", type=click.IntRange(1, 2_000_000), default=3000, show_default=True)
@click.option("--years", type=click.FloatRange(0.1, 20), default=5, show_default=True, help="How far back they reach.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same history.")
@click.option("--among-real-cases", "among_real", is_flag=True, help="Write into an office that has real cases. They cannot be told apart "
              "by the figures, and nothing takes them out again.")
def sample_data(instance: Path, tenant: str, cases: int, years: float, seed: int, among_real: bool):
    """Make up an office's history, to try the analyst's pages with. It is marked as made up wherever it shows."""
    from engine.evidence import rollup, sample

    with opened(instance) as pe, click.progressbar(length=cases, file=sys.stderr) as written:
        sample.make(pe, now(), tenant, cases=cases, years=years, seed=seed, among_real=among_real,
                    told=lambda made: written.update(len(made)))
        while rollup.count_some(pe, tenant, limit=1000):
            pass
    click.echo(f"{cases} made-up cases in the office {tenant}; for somebody to look at them: terbit user add --tenant {tenant} "
               "--group analyst NAME")


@main.group(cls=Group)
def archive():
    """The archive of what was published."""


@archive.command("verify")
@instance_option
@click.option("--tenant", default=None, help="One office only.")
def archive_verify(instance: Path, tenant: str | None):
    """Check every entry's hash and every file's; exit code 1 if anything was changed or is missing."""
    from engine.archive import verify

    english = gettext.translation("messages", CODE / "translations", ["en"], fallback=True)
    with opened(instance) as pe:
        problems = verify(pe, tenant)
    for problem in problems:
        click.echo(f"{problem.tenant}: {english.gettext(problem.message) % problem.params}", err=True)
    if problems:
        raise click.ClickException(f"{len(problems)} problem(s) in the archive")
    click.echo("the archive is whole")


@main.group(cls=Group)
def audit():
    """The history of who did what when."""


@audit.command("verify")
@instance_option
@click.option("--known", multiple=True, metavar="NUMBER:HASH", help="A seal that was written down earlier, as the audit page or "
              "`terbit audit head` gave it. May be given several times.")
def audit_verify(instance: Path, known: tuple[str, ...]):
    """Check every seal and every event; exit code 1 if anything was changed, removed, inserted or put in another order."""
    from engine import audit_chain

    english = gettext.translation("messages", CODE / "translations", ["en"], fallback=True)
    count = 0
    with opened(instance) as pe:
        for problem in audit_chain.verify(pe, dict(_seal(each) for each in known)):
            count += 1
            click.echo(english.gettext(problem.message) % problem.params, err=True)
        if count:
            raise click.ClickException(f"{count} problem(s) in the history")
        audit_chain.seal(pe, now(), seconds=60)
        last = audit_chain.last_seal(pe)
    click.echo(f"the history is whole; its last seal is {last}")


@audit.command("head")
@instance_option
def audit_head(instance: Path):
    """Print the last seal, NUMBER:HASH, to be kept elsewhere: who rewrites the history cannot end it in this."""
    from engine import audit_chain

    with opened(instance) as pe:
        audit_chain.seal(pe, now(), seconds=60)
        click.echo(audit_chain.last_seal(pe))


def _seal(text: str) -> tuple[int, str]:
    number, _colon, hash = text.strip().partition(":")
    if not number.isdigit() or len(hash) != 64:
        raise click.BadParameter(f"{text!r} is not NUMBER:HASH", param_hint="--known")
    return int(number), hash


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main(prog_name="terbit")
